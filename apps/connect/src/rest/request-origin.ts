import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { RequestOrigin } from '@millrace/connect-runtime';

/** Where a request came from: a client, or another worker that passed it on. */
export const Origin = createParamDecorator((_: unknown, context: ExecutionContext): RequestOrigin => {
  const { query, headers } = context.switchToHttp().getRequest<FastifyRequest<{ Querystring: { forward?: string } }>>();
  return { ...(query.forward === undefined ? {} : { forward: query.forward === 'true' }), ...(headers.authorization === undefined ? {} : { authorization: headers.authorization }) };
});
