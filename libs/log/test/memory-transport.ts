import { OperationalError, type Connection, type Endpoint, type Listening, type Transport } from '@millrace/foundation';

/** Streams inside this process: what one end writes, the other end is given, in the next turn of the event loop. */
export class MemoryTransport implements Transport {
  private readonly listeners = new Map<number, (connection: Connection) => void>();
  private nextPort = 40_000;

  listen(endpoint: Endpoint, onConnection: (connection: Connection) => void): Promise<Listening> {
    const port = endpoint.port === 0 ? this.nextPort++ : endpoint.port;
    this.listeners.set(port, onConnection);
    const close = (): Promise<void> => {
      this.listeners.delete(port);
      return Promise.resolve();
    };
    return Promise.resolve({ endpoint: { host: endpoint.host, port }, close });
  }

  connect(endpoint: Endpoint): Promise<MemoryConnection> {
    const onConnection = this.listeners.get(endpoint.port);
    if (onConnection === undefined) return Promise.reject(new OperationalError('CONNECTION_FAILED', 'nobody listens'));
    const client = new MemoryConnection();
    const server = new MemoryConnection();
    client.peer = server;
    server.peer = client;
    onConnection(server);
    return Promise.resolve(client);
  }
}

export class MemoryConnection implements Connection {
  readonly remote: Endpoint = { host: 'memory', port: 1 };
  readonly local: Endpoint = { host: 'memory', port: 2 };
  peer: MemoryConnection | undefined;
  isClosed = false;
  private isPaused = false;
  private queue: Uint8Array[] = [];
  onData: (chunk: Uint8Array) => void = () => undefined;
  onDrain: () => void = () => undefined;
  onClose: (error: Error | undefined) => void = () => undefined;

  write(chunk: Uint8Array, onTaken?: () => void): boolean {
    this.peer?.receive(chunk);
    onTaken?.();
    return true;
  }
  cork(): void {}
  uncork(): void {}
  pause(): void {
    this.isPaused = true;
  }
  resume(): void {
    this.isPaused = false;
    setImmediate(() => this.deliver());
  }
  end(): void {
    this.close();
  }
  destroy(): void {
    this.close();
  }

  private receive(chunk: Uint8Array): void {
    this.queue.push(new Uint8Array(chunk));
    if (this.queue.length === 1) setImmediate(() => this.deliver());
  }

  private deliver(): void {
    while (!this.isPaused && !this.isClosed && this.queue.length > 0) this.onData(this.queue.shift()!);
  }

  private close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    const { peer } = this;
    setImmediate(() => {
      this.onClose(undefined);
      peer?.close();
    });
  }
}
