import { errorMessage, hasCode, OperationalError, type Endpoint } from '@millrace/foundation';
import { BrokerConnection } from '@millrace/network';
import { ApiVersions, ErrorCode, ProtocolError, type Api, type ApiVersionsResponse } from '@millrace/protocol';
import { ApiRanges } from './api-ranges.js';
import { Backoff } from './backoff.js';
import type { ClientSettings } from './client-options.js';

const SOFTWARE = { clientSoftwareName: 'millrace', clientSoftwareVersion: '0.1.0' };

export interface RequestOptions {
  readonly timeoutMs?: number;
  /** A ceiling below this client's own. */
  readonly versionMax?: number;
}

export interface OpenBroker {
  readonly connection: BrokerConnection;
  readonly ranges: ApiRanges;
}

/** The way to one broker: a connection that comes back by itself when it is asked for, after a pause that grows. */
export class BrokerLink {
  private open: OpenBroker | undefined;
  private opening: Promise<OpenBroker> | undefined;
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
  get current(): OpenBroker | undefined {
    return this.isConnected ? this.open : undefined;
  }

  /** Rejects as BrokerConnection does, and with ProtocolError UNSUPPORTED_VERSION when the two sides have no version in common. */
  async request<Req, ReqIn, Res, ResIn>(api: Api<Req, ReqIn, Res, ResIn>, input: (version: number) => ReqIn, options: RequestOptions = {}): Promise<Res> {
    const { connection, ranges } = this.current ?? (await this.connect());
    const version = ranges.versionFor(api, options.versionMax);
    return connection.request(api, version, input(version), { timeoutMs: options.timeoutMs });
  }

  connect(): Promise<OpenBroker> {
    if (this.current !== undefined) return Promise.resolve(this.current);
    this.opening ??= this.establish().finally(() => (this.opening = undefined));
    return this.opening;
  }

  close(): void {
    this.isClosed = true;
    this.open?.connection.close();
    this.open = undefined;
  }

  private async establish(): Promise<OpenBroker> {
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

  /**
   * Asks with our highest version first. A broker that has not got it answers in the form of version 0 (KIP-511), which reads as a bad
   * response, or hangs up: then version 0 is asked for on a new connection.
   */
  private async handshake(): Promise<OpenBroker> {
    const first = await this.dial();
    try {
      return { connection: first, ranges: rangesOf(await first.request(ApiVersions, ApiVersions.maxVersion, SOFTWARE)) };
    } catch (error) {
      first.close();
      const isRefused = hasCode(error, 'BAD_RESPONSE') || hasCode(error, 'CONNECTION_CLOSED') || hasCode(error, 'KAFKA_UNSUPPORTED_VERSION');
      if (!isRefused || this.isClosed) throw error;
      this.settings.logger.debug({ host: this.endpoint.host, port: this.endpoint.port, reason: errorMessage(error) }, 'asking for api versions in version 0');
    }
    const second = await this.dial();
    try {
      return { connection: second, ranges: rangesOf(await second.request(ApiVersions, 0, SOFTWARE)) };
    } catch (error) {
      second.close();
      throw error;
    }
  }

  private dial(): Promise<BrokerConnection> {
    const { transport, clock, scheduler, clientId, connectTimeoutMs, requestTimeoutMs, frameBytesMax, connectionsMaxIdleMs } = this.settings;
    return BrokerConnection.connect({ transport, clock, scheduler, clientId, endpoint: this.endpoint, connectTimeoutMs, requestTimeoutMs, frameBytesMax, idleMsMax: connectionsMaxIdleMs });
  }
}

function rangesOf(response: ApiVersionsResponse): ApiRanges {
  if (response.errorCode !== ErrorCode.NONE) throw new ProtocolError(response.errorCode);
  return new ApiRanges(response);
}
