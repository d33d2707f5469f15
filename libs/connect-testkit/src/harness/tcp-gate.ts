import net from 'node:net';

/**
 * A port in front of a server, for drivers of connectors that talk to one: everything passes, until it is shut. `shut` and `open` are an
 * outage, `cut` is what the death of a client's process looks like to the server.
 */
export class TcpGate {
  private readonly sockets = new Set<net.Socket>();
  private isShut = false;

  private constructor(
    private readonly server: net.Server,
    private readonly target: { readonly host: string; readonly port: number },
  ) {}

  static async listen(target: { readonly host: string; readonly port: number }): Promise<TcpGate> {
    const server = net.createServer();
    const gate = new TcpGate(server, target);
    server.on('connection', (client) => gate.pass(client));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return gate;
  }

  get host(): string {
    return '127.0.0.1';
  }

  get port(): number {
    return (this.server.address() as net.AddressInfo).port;
  }

  /** Ends every connection; new ones pass. */
  cut(): void {
    for (const it of this.sockets) it.destroy();
  }

  /** Ends every connection, and each new one at once. */
  shut(): void {
    this.isShut = true;
    this.cut();
  }

  open(): void {
    this.isShut = false;
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  private pass(client: net.Socket): void {
    if (this.isShut) {
      client.destroy();
      return;
    }
    const server = net.connect(this.target);
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.sockets.add(from);
      from.setNoDelay(true);
      from.on('error', () => undefined);
      from.on('close', () => {
        this.sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  }
}
