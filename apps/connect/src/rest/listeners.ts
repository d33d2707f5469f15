import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { RestListener } from '../rest-settings.js';
import type { ServerTls } from '../rest-tls.js';

type AnyServer = http.Server | https.Server;

/** Requests that came in through a listener for /admin. */
const adminRequests = new WeakSet<IncomingMessage>();

export function isAdminRequest(request: IncomingMessage): boolean {
  return adminRequests.has(request);
}

/** What `https.createServer` takes. */
export function httpsOptions({ context, clientAuth }: ServerTls): https.ServerOptions {
  return { ...context, requestCert: clientAuth !== 'none', rejectUnauthorized: clientAuth === 'required' };
}

/** Where a certificate is asked for but not required, a wrong one is refused all the same. */
export function refuseStrangers(server: AnyServer): void {
  server.on('secureConnection', (socket: TLSSocket) => {
    if (!socket.authorized && Object.keys(socket.getPeerCertificate()).length > 0) socket.destroy();
  });
}

/** More addresses for the requests of one server. */
export class MoreListeners {
  private readonly servers: AnyServer[] = [];

  constructor(private readonly main: AnyServer) {}

  /** Rejects when it cannot listen there. */
  async listen({ host, port }: RestListener, tls: ServerTls | undefined, isAdmin: boolean): Promise<void> {
    const server = tls === undefined ? http.createServer() : https.createServer(httpsOptions(tls));
    if (tls?.clientAuth === 'requested') refuseStrangers(server);
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      if (isAdmin) adminRequests.add(request);
      this.main.emit('request', request, response);
    });
    server.on('clientError', (error: Error, socket: Duplex) => void this.main.emit('clientError', error, socket));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => {
        server.off('error', reject);
        resolve();
      });
    });
    this.servers.push(server);
  }

  async close(): Promise<void> {
    await Promise.all(
      this.servers.splice(0).map(
        (server) =>
          new Promise<void>((resolve) => {
            server.close(() => resolve());
            server.closeAllConnections();
          }),
      ),
    );
  }
}
