import { OperationalError, type Connection, type Endpoint, type Listening, type Transport } from '@millrace/foundation';
import type { SeededRandom } from '@millrace/testkit';
import type { EventLoop } from '../time/event-loop.js';
import type { SimulatedProcess } from '../time/simulated-process.js';
import { Link, type LinkQuality } from './link.js';
import { SimulatedSocket, type SocketTap } from './simulated-socket.js';

interface Listener {
  readonly process: SimulatedProcess;
  readonly onConnection: (connection: Connection) => void;
}

/** After these the handshake's first packet is sent again, as Linux does. */
const SYN_RETRIES_MS = [1000, 3000, 7000, 15_000];

/** All machines, the links between them, and the connections over them. Hosts are names; each is one machine. */
export class SimulatedNetwork {
  /** Who listens at the accepting end of a new connection, if anybody. */
  tapOf: (server: SimulatedSocket) => SocketTap | undefined = () => undefined;
  private readonly links = new Map<string, Link>();
  private readonly listeners = new Map<string, Listener>();
  private readonly poweredOff = new Set<string>();
  private readonly sockets = new Set<SimulatedSocket>();
  private nextPort = 40_000;

  constructor(readonly loop: EventLoop, readonly random: SeededRandom) {}

  link(from: string, to: string): Link {
    const key = `${from}>${to}`;
    let link = this.links.get(key);
    if (link === undefined) this.links.set(key, (link = new Link()));
    return link;
  }

  setQuality(from: string, to: string, quality: LinkQuality): void {
    this.link(from, to).quality = quality;
  }

  cut(from: string, to: string): void {
    this.link(from, to).block();
  }

  heal(from: string, to: string): void {
    const link = this.link(from, to);
    if (!link.isCut) return;
    // TCP's timers have backed off meanwhile.
    let delayMs = this.random.next() * 800;
    for (const retry of link.heal()) this.loop.schedule((delayMs += 0.001), 'retransmission', retry);
  }

  healAll(quality: LinkQuality): void {
    for (const [key, link] of this.links) {
      link.quality = quality;
      const [from = '', to = ''] = key.split('>');
      this.heal(from, to);
    }
  }

  isPoweredOff(host: string): boolean {
    return this.poweredOff.has(host);
  }

  powerOn(host: string): void {
    this.poweredOff.delete(host);
  }

  /** The operating system closes what the process had open and tells the peers. */
  processEnded(process: SimulatedProcess): void {
    this.forgetListeners(process);
    for (const socket of [...this.sockets]) if (socket.process === process) socket.ownerDied(true);
  }

  /** Nobody tells the peers: their connections stay half open until they write and the machine is up again. */
  powerLost(host: string, process: SimulatedProcess): void {
    this.poweredOff.add(host);
    this.forgetListeners(process);
    for (const socket of [...this.sockets]) if (socket.process === process) socket.ownerDied(false);
  }

  /** Connections between the two machines, each once. */
  connectionsBetween(a: string, b: string): SimulatedSocket[] {
    return [...this.sockets].filter((it) => it.local.host === a && it.remote.host === b && !it.isClosed);
  }

  /** A network of the process's own: its connections end with it. */
  transportOf(process: SimulatedProcess, host: string): Transport {
    return {
      listen: (endpoint, onConnection) => this.listen(process, endpoint, onConnection),
      connect: (endpoint, { timeoutMs }) => this.connect(process, host, endpoint, timeoutMs),
    };
  }

  /** @internal */
  forget(socket: SimulatedSocket): void {
    this.sockets.delete(socket);
  }

  private forgetListeners(process: SimulatedProcess): void {
    for (const [key, listener] of this.listeners) if (listener.process === process) this.listeners.delete(key);
  }

  private listen(process: SimulatedProcess, endpoint: Endpoint, onConnection: (connection: Connection) => void): Promise<Listening> {
    const port = endpoint.port === 0 ? this.nextPort++ : endpoint.port;
    const key = `${endpoint.host}:${port}`;
    return new Promise((resolve, reject) => {
      process.after(0, 'listen', () => {
        if (this.listeners.has(key)) {
          reject(new OperationalError('ADDRESS_IN_USE', `${key} is in use by another process`));
          return;
        }
        const listener: Listener = { process, onConnection };
        this.listeners.set(key, listener);
        const close = (): Promise<void> => {
          if (this.listeners.get(key) === listener) this.listeners.delete(key);
          return new Promise((closed) => void process.after(0, 'close listener', closed));
        };
        resolve({ endpoint: { host: endpoint.host, port }, close });
      });
    });
  }

  private connect(process: SimulatedProcess, host: string, endpoint: Endpoint, timeoutMs: number): Promise<Connection> {
    const local: Endpoint = { host, port: this.nextPort++ };
    const key = `${endpoint.host}:${endpoint.port}`;
    return new Promise((resolve, reject) => {
      let isSettled = false;
      const fail = (reason: string): void => {
        if (isSettled) return;
        isSettled = true;
        reject(new OperationalError('CONNECTION_FAILED', `cannot connect to ${key}: ${reason}`, { isRetriable: true }));
      };
      process.after(timeoutMs, 'connect timeout', () => fail(`no answer within ${timeoutMs} ms`));
      /** A lost packet of the handshake is sent again by the system, later and later. */
      const attempt = (number: number): void => {
        if (isSettled || process.isDead) return;
        const again = (): void => {
          const waitMs = SYN_RETRIES_MS[number];
          if (waitMs !== undefined) this.loop.schedule(waitMs, 'syn again', () => attempt(number + 1));
        };
        const there = this.link(host, endpoint.host);
        this.loop.schedule(there.transitMs(this.loop.nowMs, 60, this.random.next()), 'syn', () => {
          const back = this.link(endpoint.host, host);
          if (there.isCut || back.isCut || this.poweredOff.has(endpoint.host)) {
            again();
            return;
          }
          const listener = this.listeners.get(key);
          this.loop.schedule(back.transitMs(this.loop.nowMs, 60, this.random.next()), 'syn ack', () => {
            if (back.isCut) again();
            else if (listener === undefined) this.loop.deliver(process, 'connection refused', () => fail('connection refused'));
            else if (this.listeners.get(key) !== listener) again();
            else this.established({ process, local, endpoint, listener }, (connection) => {
              if (isSettled) connection.destroy();
              else {
                isSettled = true;
                resolve(connection);
              }
            });
          });
        });
      };
      process.after(0, 'connect', () => attempt(0));
    });
  }

  /** Both ends at once; each process hears of its own when it can. */
  private established(of: { process: SimulatedProcess; local: Endpoint; endpoint: Endpoint; listener: Listener }, onConnected: (connection: Connection) => void): void {
    const { process, local, endpoint, listener } = of;
    const client = new SimulatedSocket(this, process, local, endpoint);
    const server = new SimulatedSocket(this, listener.process, endpoint, local);
    client.pairWith(server);
    server.pairWith(client);
    server.tap = this.tapOf(server);
    this.sockets.add(client);
    this.sockets.add(server);
    this.loop.deliver(listener.process, 'accept', () => listener.onConnection(server));
    this.loop.schedule(0, 'connected', () => {
      if (process.isDead) client.ownerDied(true);
      else onConnected(client);
    }, process.isDead ? undefined : process);
  }
}
