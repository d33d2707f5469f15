import net from 'node:net';
import { socketOwner } from './socket-owner.js';

/** Who is not one of the named processes. */
export const OUTSIDE = 'clients';

export type HealedBy = 'resume' | 'reset';

interface Link {
  readonly from: string;
  readonly to: string;
  readonly near: net.Socket;
  /** Absent while it was never possible to connect. */
  far: net.Socket | undefined;
  readonly connect: () => void;
}

/**
 * A TCP relay on loopback that every connection between some processes, and from their clients, goes through: each process has doors here and tells everybody their addresses. Whose connection it
 * is the kernel knows, so bytes from one process to another can be held up, in one direction or both, while all others pass. As on a cut wire nobody is told: no reset, no end, connections are
 * accepted and lead nowhere.
 */
export class LinkRelay {
  private readonly servers: net.Server[] = [];
  private readonly links = new Set<Link>();
  private readonly names = new Map<number, string>();
  private cuts: readonly (readonly [from: string, to: string])[] = [];

  /** Connections of this process are named so from now on. */
  identify(pid: number, name: string): void {
    for (const [known, other] of this.names) if (other === name) this.names.delete(known);
    this.names.set(pid, name);
  }

  /** Opens a door to a port of this process; resolves with the door's port. */
  async open(to: string, port: number): Promise<number> {
    const server = net.createServer({ noDelay: true }, (near) => this.accept(near, to, port));
    this.servers.push(server);
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
    return (server.address() as net.AddressInfo).port;
  }

  /** From now on, and until `heal`, no byte goes from the first to the second of each pair. */
  cut(pairs: readonly (readonly [from: string, to: string])[]): void {
    this.cuts = pairs;
    for (const link of this.links) this.flow(link);
  }

  /** `resume`: what was held up arrives late, as after a short interruption of a wire; `reset`: connections that were concerned are gone, as after a long one. */
  heal(by: HealedBy): void {
    const concerned = [...this.links].filter((it) => this.isCut(it.from, it.to) || this.isCut(it.to, it.from));
    this.cuts = [];
    for (const link of concerned) {
      if (by === 'reset' || link.near.closed || link.far?.closed === true) this.drop(link);
      else {
        link.connect();
        this.flow(link);
      }
    }
  }

  async close(): Promise<void> {
    this.cuts = [];
    for (const link of this.links) this.drop(link);
    await Promise.all(this.servers.map((it) => new Promise((resolve) => it.close(resolve))));
  }

  private isCut(from: string, to: string): boolean {
    return this.cuts.some(([a, b]) => a === from && b === to);
  }

  private accept(near: net.Socket, to: string, port: number): void {
    const pid = socketOwner(near.remotePort ?? 0, near.localPort ?? 0, this.names.keys());
    const from = (pid === undefined ? undefined : this.names.get(pid)) ?? OUTSIDE;
    const link: Link = {
      from, to, near, far: undefined,
      connect: () => {
        if (link.far !== undefined || this.isCut(from, to) || this.isCut(to, from)) return;
        link.far = net.connect({ port, host: '127.0.0.1', noDelay: true });
        this.join(link, link.near, link.far, [from, to]);
        this.join(link, link.far, link.near, [to, from]);
        this.flow(link);
      },
    };
    this.links.add(link);
    near.on('error', () => undefined);
    near.pause();
    near.once('close', () => link.far ?? this.drop(link));
    link.connect();
  }

  /** Hands on what comes out of the one socket, and its end; neither while that direction is cut. */
  private join(link: Link, source: net.Socket, target: net.Socket, [from, to]: readonly [string, string]): void {
    source.on('error', () => undefined);
    source.on('data', (chunk) => {
      if (!target.write(chunk)) source.pause();
    });
    target.on('drain', () => this.isCut(from, to) || source.resume());
    source.once('end', () => this.isCut(from, to) || target.end());
    source.once('close', (hadError) => {
      if (this.isCut(from, to)) return;
      if (hadError) this.drop(link);
      else {
        this.links.delete(link);
        target.destroySoon();
      }
    });
  }

  private flow({ from, to, near, far }: Link): void {
    if (far === undefined) return;
    if (this.isCut(from, to)) near.pause();
    else near.resume();
    if (this.isCut(to, from)) far.pause();
    else far.resume();
  }

  private drop(link: Link): void {
    this.links.delete(link);
    for (const socket of [link.near, link.far]) if (socket !== undefined && !socket.destroyed) socket.resetAndDestroy();
  }
}
