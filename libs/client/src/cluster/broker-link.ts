import { OperationalError, type Endpoint } from '@millrace/foundation';
import { NegotiatedConnection } from '@millrace/network';
import type { Api } from '@millrace/protocol';
import { Backoff } from './backoff.js';
import type { ClientSettings } from './client-options.js';

export interface RequestOptions {
  readonly timeoutMs?: number;
  /** A ceiling below this client's own. */
  readonly versionMax?: number;
}

/** The way to one broker: a connection that comes back by itself when it is asked for, after a pause that grows. */
export class BrokerLink {
  private open: NegotiatedConnection | undefined;
  private opening: Promise<NegotiatedConnection> | undefined;
  private readonly backoff: Backoff;
  private notBeforeMs = 0;
  private isClosed = false;

  constructor(
    readonly endpoint: Endpoint,
    private readonly settings: ClientSettings,
    private readonly pause: (delayMs: number) => Promise<void>,
  ) {
    this.backoff = new Backoff(settings.reconnectBackoffMs, settings.reconnectBackoffMaxMs, settings.random);
  }

  get isConnected(): boolean {
    return this.open !== undefined && this.open.connection.isOpen;
  }

  /** The connection that is up, if one is. */
  get current(): NegotiatedConnection | undefined {
    return this.isConnected ? this.open : undefined;
  }

  /** Rejects as BrokerConnection does, and with ProtocolError UNSUPPORTED_VERSION when the two sides have no version in common. */
  async request<Req, ReqIn, Res, ResIn>(api: Api<Req, ReqIn, Res, ResIn>, input: (version: number) => ReqIn, options: RequestOptions = {}): Promise<Res> {
    const { connection, ranges } = this.current ?? (await this.connect());
    const version = ranges.versionFor(api, options.versionMax);
    return connection.request(api, version, input(version), { timeoutMs: options.timeoutMs });
  }

  connect(): Promise<NegotiatedConnection> {
    if (this.current !== undefined) return Promise.resolve(this.current);
    this.opening ??= this.establish().finally(() => (this.opening = undefined));
    return this.opening;
  }

  close(): void {
    this.isClosed = true;
    this.open?.connection.close();
    this.open = undefined;
  }

  private async establish(): Promise<NegotiatedConnection> {
    const waitMs = this.notBeforeMs - this.settings.clock.monotonicMs();
    if (waitMs > 0) await this.pause(waitMs);
    try {
      const open = await this.handshake();
      if (this.isClosed) {
        open.connection.close();
        throw new OperationalError('CLIENT_CLOSED', 'the client was closed');
      }
      this.open = open;
      this.backoff.reset();
      open.connection.onClose = () => (this.notBeforeMs = this.settings.clock.monotonicMs() + this.backoff.nextMs());
      return open;
    } catch (error) {
      this.notBeforeMs = this.settings.clock.monotonicMs() + this.backoff.nextMs();
      throw error;
    }
  }

  private handshake(): Promise<NegotiatedConnection> {
    const { transport, clock, scheduler, clientId, connectTimeoutMs, requestTimeoutMs, frameBytesMax, connectionsMaxIdleMs } = this.settings;
    return NegotiatedConnection.connect({ transport, clock, scheduler, clientId, endpoint: this.endpoint, connectTimeoutMs, requestTimeoutMs, frameBytesMax, idleMsMax: connectionsMaxIdleMs });
  }
}
