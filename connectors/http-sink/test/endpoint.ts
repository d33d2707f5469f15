import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TlsOptions } from 'node:tls';

export interface Got {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly raw: Buffer;
  readonly atMs: number;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What to do with a request: an answer, or whatever the function did with the response. */
export type Behaviour = (got: Got, response: ServerResponse) => Answer | undefined | Promise<Answer | undefined>;

/** A real HTTP server that remembers what it got. */
export class Endpoint {
  readonly got: Got[] = [];
  private readonly sockets = new Set<Socket>();
  private server: Server | undefined;
  private listeners: (() => void)[] = [];
  port = 0;

  private constructor(
    private behave: Behaviour,
    private readonly tls: TlsOptions | undefined,
  ) {}

  static async start(behave: Behaviour = () => ({ status: 200 }), tls?: TlsOptions): Promise<Endpoint> {
    const endpoint = new Endpoint(behave, tls);
    await endpoint.listen();
    return endpoint;
  }

  get url(): string {
    return `${this.tls ? 'https' : 'http'}://127.0.0.1:${this.port}`;
  }

  set behaviour(behave: Behaviour) {
    this.behave = behave;
  }

  /** At the port that it had before, once it had one. */
  async listen(): Promise<void> {
    const serve = (request: IncomingMessage, response: ServerResponse): void => void this.serve(request, response);
    const server: Server = this.tls ? createTlsServer(this.tls, serve) : createServer(serve);
    server.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
    });
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(this.port, '127.0.0.1', resolve));
    this.port = (server.address() as AddressInfo).port;
    this.server = server;
  }

  /** As if its process were killed: connections are reset, new ones refused. */
  async kill(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    for (const socket of this.sockets) socket.resetAndDestroy();
    if (server) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  /** Resolves when the condition holds; it is looked at whenever a request has come or was answered. */
  async until(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) await new Promise<void>((resolve) => this.listeners.push(resolve));
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    for await (const chunk of request.iterator({ destroyOnReturn: false })) chunks.push(chunk as Buffer);
    const raw = Buffer.concat(chunks);
    const got: Got = { method: request.method ?? '', url: request.url ?? '', headers: request.headers, raw, body: raw.toString('utf8'), atMs: Date.now() };
    this.got.push(got);
    this.changed();
    const answer = await this.behave(got, response);
    if (answer && !response.destroyed) response.writeHead(answer.status, answer.headers).end(answer.body ?? '');
    this.changed();
  }

  private changed(): void {
    const { listeners } = this;
    this.listeners = [];
    for (const wake of listeners) wake();
  }
}
