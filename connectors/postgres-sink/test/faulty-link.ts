import net from 'node:net';

type Side = 'requests' | 'answers';

/** A port in front of a server that fails where it is told to: after so many bytes of the next connection, to the server or back from it. */
export class FaultyLink {
  private readonly sockets = new Set<net.Socket>();
  private left: { readonly side: Side; bytes: number } | undefined;
  private held: (() => void)[] | undefined;
  private isShut = false;

  private constructor(
    private readonly listener: net.Server,
    private readonly target: { readonly host: string; readonly port: number },
  ) {}

  static async listen(target: { readonly host: string; readonly port: number }): Promise<FaultyLink> {
    const listener = net.createServer();
    const link = new FaultyLink(listener, target);
    listener.on('connection', (client) => link.connect(client));
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    return link;
  }

  get port(): number {
    return (this.listener.address() as net.AddressInfo).port;
  }

  /** The link breaks once so many more bytes have passed. Broken in answers, the server has done what it was asked for. */
  breakAfter(side: Side, bytes: number): void {
    this.left = { side, bytes };
  }

  /** Requests do not reach the server until `release`. */
  hold(): void {
    this.held ??= [];
  }

  release(): void {
    const { held } = this;
    this.held = undefined;
    held?.forEach((send) => send());
  }

  /** Nobody comes through until `open`. */
  shut(): void {
    this.isShut = true;
    this.cut();
  }

  open(): void {
    this.isShut = false;
  }

  cut(): void {
    this.left = undefined;
    for (const it of this.sockets) it.destroy();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => this.listener.close(() => resolve()));
  }

  private connect(client: net.Socket): void {
    if (this.isShut) {
      client.destroy();
      return;
    }
    const server = net.connect(this.target);
    this.join(client, server, 'requests');
    this.join(server, client, 'answers');
  }

  private join(from: net.Socket, to: net.Socket, side: Side): void {
    this.sockets.add(from);
    from.on('error', () => undefined);
    from.on('close', () => {
      this.sockets.delete(from);
      // What has come from it still goes on.
      to.end();
      if (side === 'answers') to.destroy();
    });
    from.on('data', (bytes: Buffer) => {
      if (side === 'requests' && this.held) this.held.push(() => this.pass(from, to, { side, bytes }));
      else this.pass(from, to, { side, bytes });
    });
  }

  private pass(from: net.Socket, to: net.Socket, { side, bytes }: { side: Side; bytes: Buffer }): void {
    if (to.destroyed) return;
    const { left } = this;
    if (left?.side !== side) {
      to.write(bytes);
      return;
    }
    const passed = bytes.subarray(0, left.bytes);
    left.bytes -= passed.length;
    if (passed.length > 0) to.write(passed);
    if (left.bytes > 0) return;
    this.left = undefined;
    from.destroy();
    to.end();
  }
}
