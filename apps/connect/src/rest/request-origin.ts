import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { RequestOrigin } from '@millrace/connect-runtime';
import { flag } from './parameters.js';

/** Where a request came from: a client, or another worker that passed it on. */
export const Origin = createParamDecorator((_: unknown, context: ExecutionContext): RequestOrigin => {
  const { query, headers } = context.switchToHttp().getRequest<FastifyRequest<{ Querystring: { forward?: string } }>>();
  return { ...(query.forward === undefined ? {} : { forward: flag(query.forward) }), ...(headers.authorization === undefined ? {} : { authorization: headers.authorization }) };
});
