import type { Clock, Connection, Endpoint, Listening, Logger, Scheduled, Scheduler, Transport } from '@millrace/foundation';
import { ANONYMOUS, type ConnectionContext, type Principal, type RequestContext } from './request-context.js';
import { RequestFraming, type ApiRange } from './request-framing.js';
import { ServerConnection, type ConnectionLimits, type FrameOutcome, type ResponseBytes } from './server-connection.js';
import { ThrottledLog } from './throttled-log.js';

/**
 * Answers one request. `body` holds the request behind its header. It is lent: it may be read and written until the handler returns (also when it returns a promise),
 * then its memory is used again, so what is kept is copied.
 * A value is answered at once; a promise holds back the later requests of this connection, and of no other, unless both are of an API that is `isPipelined`.
 * Throwing (or rejecting) closes the connection, which is Kafka's answer to a request that cannot be read.
 */
export type RequestHandler = (context: RequestContext, body: Uint8Array) => ResponseBytes | Promise<ResponseBytes>;

export interface ServerLimits extends ConnectionLimits {
  /** connections.max.idle.ms */
  readonly idleMsMax: number;
  /** max.connections */
  readonly connectionsMax: number;
  /** max.connections.per.ip */
  readonly connectionsPerIpMax: number;
}

export const DEFAULT_SERVER_LIMITS: ServerLimits = {
  frameBytesMax: 104_857_600,
  waitingRequestsMax: 64,
  waitingBytesMax: 4 * 1024 * 1024,
  pipelinedRequestsMax: 32,
  writeTimeoutMs: 120_000,
  idleMsMax: 600_000,
  connectionsMax: 2_147_483_647,
  connectionsPerIpMax: 2_147_483_647,
};

export interface ProtocolServerOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
  /** The APIs that are answered. Undefined: the key is unknown. */
  readonly apiRange: (apiKey: number) => ApiRange | undefined;
  readonly handle: RequestHandler;
  readonly limits?: Partial<ServerLimits>;
  /** The principal of a fresh connection: what a TLS certificate says, or what SASL replaces later. */
  readonly identify?: (connection: Connection, listenerName: string) => Principal;
}

/** The server side of the protocol: listeners, their connections and the bounds on them. It knows no API but ApiVersions' own fallback. */
export class ProtocolServer {
  private readonly limits: ServerLimits;
  private readonly framing: RequestFraming;
  private readonly throttledLog: ThrottledLog;
  private readonly listenings: Listening[] = [];
  private readonly connections = new Set<ServerConnection>();
  private readonly countByIp = new Map<string, number>();
  private sweep: Scheduled | undefined;
  private connectionsSeen = 0;
  private onLastClosed: (() => void) | undefined;

  constructor(private readonly options: ProtocolServerOptions) {
    this.limits = { ...DEFAULT_SERVER_LIMITS, ...options.limits };
    this.framing = new RequestFraming(options.apiRange);
    this.throttledLog = new ThrottledLog(options.logger, options.clock, { lines: 10, windowMs: 10_000 });
  }

  get connectionCount(): number {
    return this.connections.size;
  }

  /** Rejects with the transport's `ADDRESS_IN_USE` or `ADDRESS_UNAVAILABLE`. The endpoint that was bound is in the answer. */
  async listen(listenerName: string, endpoint: Endpoint): Promise<Listening> {
    const listening = await this.options.transport.listen(endpoint, (connection) => this.accept(connection, listenerName));
    this.listenings.push(listening);
    if (this.sweep === undefined) this.scheduleSweep();
    return listening;
  }

  /** Accepts nothing more, lets requests in progress be answered for `graceMs`, then cuts what is left. */
  async close(graceMs: number): Promise<void> {
    this.sweep?.cancel();
    await Promise.all(this.listenings.splice(0).map((it) => it.close()));
    const allClosed = new Promise<void>((resolve) => (this.onLastClosed = resolve));
    for (const connection of [...this.connections]) connection.endWhenAnswered();
    if (this.connections.size === 0) return;
    const cut = this.options.scheduler.after(graceMs, () => {
      for (const connection of [...this.connections]) connection.destroy();
    });
    await allClosed;
    cut.cancel();
  }

  private accept(connection: Connection, listenerName: string): void {
    const ip = connection.remote.host;
    const fromIp = this.countByIp.get(ip) ?? 0;
    if (this.connections.size >= this.limits.connectionsMax || fromIp >= this.limits.connectionsPerIpMax) {
      this.throttledLog.warn({ remote: ip, connections: this.connections.size }, 'connection refused: too many connections');
      connection.destroy();
      return;
    }
    this.countByIp.set(ip, fromIp + 1);
    const { remote, local } = connection;
    const context: ConnectionContext = {
      connectionId: `${local.host}:${local.port}-${remote.host}:${remote.port}-${this.connectionsSeen++}`,
      listenerName,
      remote,
      local,
      principal: this.options.identify?.(connection, listenerName) ?? ANONYMOUS,
      clientSoftware: undefined,
    };
    this.connections.add(
      new ServerConnection({
        connection,
        context,
        limits: this.limits,
        nowMs: () => this.options.clock.monotonicMs(),
        isPipelined: (frame) => this.framing.isPipelined(frame),
        handleFrame: (frame) => this.handleFrame(frame, context),
        onRefused: (reason) => this.throttledLog.warn({ remote: `${remote.host}:${remote.port}`, listener: listenerName, reason }, 'connection closed'),
        onClosed: (closed) => this.forget(closed),
      }),
    );
  }

  private handleFrame(frame: Uint8Array, connection: ConnectionContext): FrameOutcome | Promise<FrameOutcome> {
    const read = this.framing.read(frame, connection);
    if (read.kind !== 'request') return read;
    const response = this.options.handle(read.context, read.body);
    if (!(response instanceof Promise)) return { kind: 'respond', bytes: response };
    return response.then((bytes) => ({ kind: 'respond', bytes }));
  }

  private forget(connection: ServerConnection): void {
    this.connections.delete(connection);
    const ip = connection.context.remote.host;
    const left = (this.countByIp.get(ip) ?? 1) - 1;
    if (left === 0) this.countByIp.delete(ip);
    else this.countByIp.set(ip, left);
    if (this.connections.size === 0) this.onLastClosed?.();
  }

  private scheduleSweep(): void {
    const everyMs = Math.min(30_000, this.limits.idleMsMax / 2, this.limits.writeTimeoutMs / 2);
    this.sweep = this.options.scheduler.after(everyMs, () => {
      const nowMs = this.options.clock.monotonicMs();
      for (const connection of [...this.connections]) connection.expire(nowMs, this.limits.idleMsMax);
      this.scheduleSweep();
    });
  }
}
