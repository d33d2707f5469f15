import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { ALGORITHM_HEADER, SIGNATURE_HEADER, type InternalSignature } from '@millrace/connect-runtime';

/** What a worker signs its requests to other workers with; the engine decides what is missing or wrong. */
export const Signature = createParamDecorator((_: unknown, context: ExecutionContext): InternalSignature => {
  const { headers } = context.switchToHttp().getRequest<FastifyRequest>();
  return { signature: header(headers[SIGNATURE_HEADER.toLowerCase()]), algorithm: header(headers[ALGORITHM_HEADER.toLowerCase()]) };
});

function header(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value;
}
