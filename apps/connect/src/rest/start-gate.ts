import type { FastifyInstance } from 'fastify';

/** Connect's budget for a request. */
const WAIT_MAX_MS = 90_000;
const NEEDS_TOPICS = /^\/(connectors|connector-plugins|ext)(\/|\?|$)/;

/**
 * Holds requests about connectors until the worker has read its internal topics: before that it knows none, and "no such connector" would be
 * a wrong answer. The root, health and logger paths answer at once.
 */
export class StartGate {
  private readonly waiting = new Set<() => void>();
  private isOpen = false;

  open(): void {
    this.isOpen = true;
    for (const proceed of this.waiting) proceed();
    this.waiting.clear();
  }

  guard(server: FastifyInstance): void {
    server.addHook('onRequest', (request, reply, done) => {
      if (this.isOpen || request.method === 'OPTIONS' || !NEEDS_TOPICS.test(request.url)) return done();
      const proceed = (): void => {
        clearTimeout(timer);
        done();
      };
      const forget = (): void => {
        clearTimeout(timer);
        this.waiting.delete(proceed);
      };
      const timer = setTimeout(() => {
        forget();
        void reply.status(500).type('application/json').send(JSON.stringify({ error_code: 500, message: 'Request timed out. The worker is currently starting: it reads its internal topics' }));
      }, WAIT_MAX_MS);
      this.waiting.add(proceed);
      reply.raw.once('close', forget);
    });
  }
}
