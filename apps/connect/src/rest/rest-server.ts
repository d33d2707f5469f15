import type { Socket } from 'node:net';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ServerTls } from '../rest-tls.js';
import { httpsOptions } from './listeners.js';
import { gateAdmin, gateRequests, webErrorText } from './request-gate.js';
import { addResponseHeaders } from './response-headers.js';
import type { StartGate } from './start-gate.js';

/** A connector's config is small; what is larger is a mistake or an attack. */
export const BODY_LIMIT = 16 * 1024 * 1024;

export interface RestServerOptions {
  /** Of the first listener. */
  readonly tls: ServerTls | undefined;
  /** /admin is served by listeners of its own. */
  readonly hasAdminListeners: boolean;
}

/** Fastify with the manners of Connect's web server. */
export function restServer(config: Readonly<Record<string, string>>, startGate: StartGate, { tls, hasAdminListeners }: RestServerOptions): FastifyAdapter {
  const adapter = new FastifyAdapter({
    ...(tls === undefined ? {} : { https: httpsOptions(tls) }),
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 4096 },
    bodyLimit: BODY_LIMIT,
    forceCloseConnections: true,
    frameworkErrors: (_error: Error, _request: FastifyRequest, reply: FastifyReply) => void reply.status(400).type('application/json').send(JSON.stringify({ error_code: 400, message: webErrorText(400) })),
    clientErrorHandler: refuseGarbage,
  });
  const server = adapter.getInstance();
  addResponseHeaders(server, config);
  if (hasAdminListeners) gateAdmin(server);
  gateRequests(server);
  startGate.guard(server);
  // Bodies stay text: a request between workers is signed over its bytes, and broken JSON is answered as Connect answers it.
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  return adapter;
}

const CLIENT_ERRORS: Readonly<Record<string, number>> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 };

/** What is not HTTP. */
function refuseGarbage(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const status = CLIENT_ERRORS[error.code ?? ''] ?? 400;
  const body = JSON.stringify({ error_code: status, message: webErrorText(status) });
  if (socket.writable) socket.write(`HTTP/1.1 ${status} ${webErrorText(status).slice(9)}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`);
  socket.destroySoon();
}
