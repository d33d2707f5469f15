import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isAdminRequest } from './listeners.js';
import { RouteTable } from './route-table.js';

const JSON_TYPE = /^application\/json\s*(;|$)/i;
const ACCEPTS_JSON = /(^|,)\s*(\*\/\*|application\/\*|application\/json)\s*(;|,|$)/i;
const WITH_BODY = new Set(['POST', 'PUT', 'PATCH']);

/**
 * What Connect's web server refuses before a request reaches a resource: an unknown path (404), a method that the path does not have (405),
 * an answer other than JSON (406), a body other than JSON (415). Answers OPTIONS. Must be called before the routes are registered.
 */
export function gateRequests(server: FastifyInstance): void {
  const routes = new RouteTable();
  server.addHook('onRoute', ({ method, url }) => routes.add(method, url));
  server.addHook('onRequest', (request, reply, done) => {
    const refusal = refusalOf(request, routes);
    if (refusal === undefined) return done();
    if (typeof refusal === 'number') return refuse(reply, refusal);
    void reply.status(200).header('allow', refusal.join(',')).type('text/plain').send(refusal.join(', '));
  });
}

/** Listeners of its own serve /admin, and nothing else; the others all but /admin. */
export function gateAdmin(server: FastifyInstance): void {
  server.addHook('onRequest', (request, reply, done) => {
    if (/^\/admin(\/|\?|$)/.test(request.url) === isAdminRequest(request.raw)) return done();
    refuse(reply, 404);
  });
}

/** A status, or the allowed methods when that was the question. */
function refusalOf(request: FastifyRequest, routes: RouteTable): number | string[] | undefined {
  const { method, headers } = request;
  if (request.is404) {
    const methods = routes.methodsOf(request.url.replace(/\?.*$/s, ''));
    if (!methods) return 404;
    return method === 'OPTIONS' ? methods : 405;
  }
  if (headers.accept !== undefined && !ACCEPTS_JSON.test(headers.accept) && !/^\/metrics\/?(\?|$)/.test(request.url)) return 406;
  if (WITH_BODY.has(method) && !JSON_TYPE.test(headers['content-type'] ?? (hasBody(request) ? '' : 'application/json'))) return 415;
  return undefined;
}

function hasBody({ headers }: FastifyRequest): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}

const REASONS: Readonly<Record<number, string>> = { 400: 'Bad Request', 404: 'Not Found', 405: 'Method Not Allowed', 406: 'Not Acceptable', 408: 'Request Timeout', 415: 'Unsupported Media Type', 431: 'Request Header Fields Too Large' };

/** The text of a refusal by the web server itself. */
export function webErrorText(status: number): string {
  return `HTTP ${status} ${REASONS[status] ?? 'Error'}`;
}

function refuse(reply: FastifyReply, status: number): void {
  void reply.status(status).type('application/json').send(JSON.stringify({ error_code: status, message: webErrorText(status) }));
}
