import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { errorMessage, type Logger } from '@millrace/foundation';

/** Every refusal in Connect's form: `{"error_code": status, "message": text}`. */
@Catch()
export class ConnectErrorFilter implements ExceptionFilter {
  constructor(private readonly logger: Logger) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const status = statusOf(error);
    if (status >= 500) this.logger.warn({ method: http.getRequest<FastifyRequest>().method, path: http.getRequest<FastifyRequest>().url, status, reason: errorMessage(error), err: error }, 'a request failed');
    void http.getResponse<FastifyReply>().status(status).type('application/json').send(JSON.stringify({ error_code: status, message: messageOf(error, status) }));
  }
}

function statusOf(error: unknown): number {
  if (error instanceof HttpException) return error.getStatus();
  const { status, statusCode } = error as { status?: unknown; statusCode?: unknown };
  const given = status ?? statusCode;
  return typeof given === 'number' && given >= 400 && given < 600 ? given : 500;
}

const WEB_STATUS: Readonly<Record<number, string>> = { 404: 'HTTP 404 Not Found', 405: 'HTTP 405 Method Not Allowed', 413: 'HTTP 413 Request Entity Too Large', 415: 'HTTP 415 Unsupported Media Type' };

/** What Nest and Fastify refuse by themselves gets the text that Connect's web server gives. */
function messageOf(error: unknown, status: number): string {
  const isFromFramework = (error instanceof HttpException && status === 404) || String((error as { code?: unknown }).code ?? '').startsWith('FST_');
  return (isFromFramework ? WEB_STATUS[status] : undefined) ?? errorMessage(error);
}
