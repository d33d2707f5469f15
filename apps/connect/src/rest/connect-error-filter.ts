import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { errorMessage, type Logger } from '@millrace/foundation';
import { webErrorText } from './request-gate.js';

/** Every refusal in Connect's form: `{"error_code": status, "message": text}`. */
@Catch()
export class ConnectErrorFilter implements ExceptionFilter {
  constructor(
    private readonly logger: Logger,
    private readonly bodyLimit: number,
  ) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const status = statusOf(error);
    if (status >= 500) this.logger.warn({ method: http.getRequest<FastifyRequest>().method, path: http.getRequest<FastifyRequest>().url, status, err: error }, 'a request failed');
    void http.getResponse<FastifyReply>().status(status).type('application/json').send(JSON.stringify({ error_code: status, message: this.messageOf(error, status) }));
  }

  /** What Nest and Fastify refuse by themselves gets the text that Connect's web server gives. */
  private messageOf(error: unknown, status: number): string {
    if (status === 413) return `The request body is larger than the limit of ${this.bodyLimit} bytes`;
    const isFromFramework = (error instanceof HttpException && status === 404) || String((error as { code?: unknown }).code ?? '').startsWith('FST_');
    return isFromFramework ? webErrorText(status) : errorMessage(error);
  }
}

function statusOf(error: unknown): number {
  if (error instanceof HttpException) return error.getStatus();
  const { status, statusCode } = error as { status?: unknown; statusCode?: unknown };
  const given = status ?? statusCode;
  return typeof given === 'number' && given >= 400 && given < 600 ? given : 500;
}
