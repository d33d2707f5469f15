import type { IncomingMessage } from 'node:http';
import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { errorMessage, type Logger } from '@millrace/foundation';
import { webErrorText } from './request-gate.js';

/** So many times the limit of a body are read before a client that goes on sending is cut off. */
const DRAIN_LIMITS = 4;

/** Every refusal in Connect's form: `{"error_code": status, "message": text}`. */
@Catch()
export class ConnectErrorFilter implements ExceptionFilter {
  constructor(
    private readonly logger: Logger,
    private readonly bodyLimit: number,
  ) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const status = statusOf(error);
    if (status >= 500) this.logger.warn({ method: request.method, path: request.url, status, error }, 'a request failed');
    const answer = (): void => void reply.status(status).type('application/json').send(JSON.stringify({ error_code: status, message: this.messageOf(error, status) }));
    if (status === 413) whenSwallowed(request.raw, DRAIN_LIMITS * this.bodyLimit, answer);
    else answer();
  }

  /** What Nest and Fastify refuse by themselves gets the text that Connect's web server gives. */
  private messageOf(error: unknown, status: number): string {
    if (status === 413) return `The request body is larger than the limit of ${this.bodyLimit} bytes`;
    const isFromFramework = (error instanceof HttpException && status === 404) || String((error as { code?: unknown }).code ?? '').startsWith('FST_');
    return isFromFramework ? webErrorText(status) : errorMessage(error);
  }
}

/** A client that is still sending hears the answer only if somebody takes what it sends: up to so much. */
function whenSwallowed(body: IncomingMessage, bytesMax: number, then: () => void): void {
  let bytes = 0;
  const finish = (): void => {
    body.off('data', count).off('end', finish).off('close', finish);
    then();
  };
  const count = (chunk: Buffer): void => void ((bytes += chunk.length) > bytesMax && finish());
  if (body.readableEnded || body.destroyed) return then();
  body.on('data', count).once('end', finish).once('close', finish).resume();
}

function statusOf(error: unknown): number {
  if (error instanceof HttpException) return error.getStatus();
  const { status, statusCode } = error as { status?: unknown; statusCode?: unknown };
  const given = status ?? statusCode;
  return typeof given === 'number' && given >= 400 && given < 600 ? given : 500;
}
