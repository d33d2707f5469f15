import type { FastifyInstance } from 'fastify';
import { OperationalError } from '@millrace/foundation';

/** `response.http.headers.config`: `add`, `set`, `addDate` or `setDate`, then `name: value`, rules separated by commas, quoted when they contain one. */
const RULE = /^(add|set|addDate|setDate)\s+([^\s:]+)\s*:\s*(.*)$/;
const PREFLIGHT_MAX_AGE_SECONDS = '60';

interface HeaderRule {
  readonly name: string;
  readonly value: (nowMs: number) => string;
}

/** Adds the headers that `response.http.headers.config` names, and those by which browsers let pages of `access.control.allow.origin` in. */
export function addResponseHeaders(server: FastifyInstance, config: Readonly<Record<string, string>>): void {
  const rules = headerRules(config['response.http.headers.config'] ?? '');
  const origins = list(config['access.control.allow.origin']);
  const methods = list(config['access.control.allow.methods']);
  if (rules.length === 0 && origins.length === 0) return;
  const allowsAll = origins.includes('*');
  server.addHook('onRequest', (request, reply, done) => {
    for (const { name, value } of rules) reply.header(name, value(Date.now()));
    const { origin } = request.headers;
    if (origins.length > 0) reply.header('vary', 'Origin');
    if (origin !== undefined && (allowsAll || origins.includes(origin))) {
      reply.header('access-control-allow-origin', origin);
      if (request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined) {
        reply.header('access-control-allow-methods', (methods.length > 0 ? methods : ['GET', 'POST', 'HEAD']).join(','));
        reply.header('access-control-allow-headers', 'Content-Type');
        reply.header('access-control-max-age', PREFLIGHT_MAX_AGE_SECONDS);
      }
    }
    done();
  });
}

function list(text: string | undefined): string[] {
  return (text ?? '').split(',').map((it) => it.trim()).filter((it) => it !== '');
}

function headerRules(text: string): HeaderRule[] {
  const parts = text.match(/"[^"]*"|[^,"]+/g) ?? [];
  return parts
    .map((it) => it.replace(/^"|"$/g, '').trim())
    .filter((it) => it !== '')
    .map((it) => {
      const [, action = '', name = '', value = ''] = RULE.exec(it) ?? [];
      if (name === '') throw new OperationalError('CONFIG_HEADERS', `Invalid value ${it} for configuration response.http.headers.config: expected "[action] [header name]:[header value]" with an action of add, set, addDate or setDate`);
      if (!action.endsWith('Date')) return { name, value: () => value };
      const offsetMs = Number(value);
      if (!Number.isFinite(offsetMs)) throw new OperationalError('CONFIG_HEADERS', `Invalid value ${it} for configuration response.http.headers.config: a date is given in milliseconds from now`);
      return { name, value: (nowMs) => new Date(nowMs + offsetMs).toUTCString() };
    });
}
