import net, { type AddressInfo } from 'node:net';
import { Cursors } from './commands/cursors.js';
import type { Server } from './commands/dispatch.js';
import { Sessions } from './commands/sessions.js';
import { Faults, type CommandFault } from './faults.js';
import { Store } from './store/store.js';
import { Connection } from './wire/connection.js';

/** A document's 16 MiB and 16 KiB for what is around it. */
const EVENT_BYTES_MAX = 16 * 1024 * 1024 + 16 * 1024;

export interface MongoDoubleOptions {
  /** 0 or absent: a free one. Kept over `stop` and `restart`. */
  readonly port?: number;
  readonly host?: string;
  readonly setName?: string;
  /** Where the log of changes is kept; a double started with the same file has the data again. Absent: in memory, over `restart` too. */
  readonly file?: string;
  /** With these, commands need a login by SCRAM-SHA-256. */
  readonly user?: string;
  readonly password?: string;
  /** The size above which a change event is refused with error 10334 (or split); a server's by default. */
  readonly eventBytesMax?: number;
}

/** A replica set of one node on the wire protocol, in this process. */
export class MongoDouble {
  private listener: net.Server | undefined;
  private readonly connections = new Set<Connection>();
  private readonly store: Store;
  private readonly cursors = new Cursors();
  private readonly faults = new Faults();
  private server!: Server;
  private isRefusing = false;
  private delayMs = 0;

  private constructor(
    private readonly options: MongoDoubleOptions,
    private portNow: number,
  ) {
    this.store = new Store(options.file);
  }

  static async start(options: MongoDoubleOptions = {}): Promise<MongoDouble> {
    const double = new MongoDouble(options, options.port ?? 0);
    await double.listen();
    return double;
  }

  get host(): string {
    return this.options.host ?? '127.0.0.1';
  }

  get port(): number {
    return this.portNow;
  }

  get setName(): string {
    return this.options.setName ?? 'rs0';
  }

  /** A connection string, without a login. */
  get url(): string {
    return `mongodb://${this.host}:${this.port}/?replicaSet=${this.setName}`;
  }

  /** Commands that fail, are slow, or lose their connection. */
  failCommands(fault: CommandFault): void {
    this.faults.add(fault);
  }

  clearFaults(): void {
    this.faults.clear();
    this.delayMs = 0;
    this.isRefusing = false;
  }

  /** Every answer comes this much later; 0 ends it. */
  slowDown(delayMs: number): void {
    this.delayMs = delayMs;
  }

  /** New connections are closed at once, and those that are there are cut. */
  refuseConnections(isRefusing: boolean): void {
    this.isRefusing = isRefusing;
    if (isRefusing) this.cutConnections();
  }

  cutConnections(): void {
    for (const connection of this.connections) connection.close();
  }

  /** As after an election: cursors are gone, and the next commands on cursors are told so. */
  loseCursors(): void {
    this.cursors.clear();
  }

  /** The log is cut off at now: streams cannot go back behind it (error 286). */
  forgetOplog(): void {
    this.store.forgetLog();
  }

  /** The log goes on without a change that a stream shows, as on a server that is quiet. */
  passTime(): void {
    this.store.append([{ kind: 'noop', database: 'admin' }]);
  }

  /** Closes the port and all connections; the data stays for `restart`. */
  async stop(): Promise<void> {
    const { listener } = this;
    this.listener = undefined;
    if (!listener) return;
    const closed = new Promise((resolve) => listener.close(resolve));
    this.cutConnections();
    this.cursors.clear();
    await closed;
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.listen();
  }

  /** `stop`, and the file is closed: the end. */
  async close(): Promise<void> {
    await this.stop();
    this.store.close();
  }

  private async listen(): Promise<void> {
    const listener = net.createServer((socket) => {
      if (this.isRefusing) {
        socket.destroy();
        return;
      }
      const connection = new Connection(socket, this.server, () => this.delayMs);
      this.connections.add(connection);
      socket.on('close', () => this.connections.delete(connection));
    });
    await new Promise<void>((resolve, reject) => {
      listener.once('error', reject);
      listener.listen(this.portNow, this.host, resolve);
    });
    this.listener = listener;
    this.portNow = (listener.address() as AddressInfo).port;
    const { user, password } = this.options;
    this.server = {
      store: this.store,
      cursors: this.cursors,
      sessions: new Sessions(this.store),
      faults: this.faults,
      member: { setName: this.setName, address: `${this.host}:${this.portNow}` },
      credentials: user === undefined ? undefined : { user, password: password ?? '' },
      eventBytesMax: () => this.options.eventBytesMax ?? EVENT_BYTES_MAX,
    };
  }
}
