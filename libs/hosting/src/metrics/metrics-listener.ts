import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { errorMessage, OperationalError, type Logger } from '@millrace/foundation';
import type { MetricsPage } from './metrics-page.js';

export interface MetricsListenerOptions {
  readonly page: MetricsPage;
  readonly host: string;
  /** 0: one that is free. */
  readonly port: number;
  readonly logger: Logger;
}

/** `GET /metrics` on a port of its own, for an engine that has no HTTP interface. */
export class MetricsListener {
  private constructor(
    private readonly server: Server,
    private readonly page: MetricsPage,
  ) {}

  /** Rejects with ADDRESS_IN_USE or ADDRESS_UNAVAILABLE. */
  static async open({ page, host, port, logger }: MetricsListenerOptions): Promise<MetricsListener> {
    const server = createServer((request, response) => {
      if (request.url?.replace(/\?.*$/s, '') !== '/metrics') return void response.writeHead(404).end();
      if (request.method !== 'GET' && request.method !== 'HEAD') return void response.writeHead(405, { allow: 'GET, HEAD' }).end();
      page.text().then(
        (text) => response.writeHead(200, { 'content-type': page.contentType }).end(request.method === 'HEAD' ? undefined : text),
        (error: unknown) => {
          logger.error({ error: errorMessage(error) }, 'metrics could not be collected');
          response.writeHead(500).end();
        },
      );
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause: Error & { code?: string }) => reject(refusal(cause, host, port)));
      server.listen(port, host, resolve);
    });
    return new MetricsListener(server, page);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.page.close();
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }
}

function refusal(cause: Error & { code?: string }, host: string, port: number): Error {
  if (cause.code === 'EADDRINUSE') return new OperationalError('ADDRESS_IN_USE', `Port ${port} of ${host} is taken by another process (setting metrics.port).`, { cause });
  if (cause.code === 'EADDRNOTAVAIL' || cause.code === 'ENOTFOUND') return new OperationalError('ADDRESS_UNAVAILABLE', `${host} is not an address of this machine (setting metrics.host).`, { cause });
  return cause;
}
