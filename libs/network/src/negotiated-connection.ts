import { hasCode } from '@millrace/foundation';
import { ApiVersions, ErrorCode, ProtocolError, type Api, type ApiVersionsResponse } from '@millrace/protocol';
import { ApiRanges } from './api-ranges.js';
import { BrokerConnection, type BrokerConnectionOptions } from './broker-connection.js';
import { OWN_SOFTWARE } from './request-context.js';

export interface NegotiatedConnectionOptions extends BrokerConnectionOptions {
  /** How long the answer to ApiVersions may take; `requestTimeoutMs` when left out. */
  readonly handshakeTimeoutMs?: number;
}

/** A connection and what the other end of it said that it can speak: the first request of each connection asks for that. */
export class NegotiatedConnection {
  private constructor(
    readonly connection: BrokerConnection,
    readonly ranges: ApiRanges,
  ) {}

  /**
   * Asks with our highest version first. A broker that has not got it answers in the form of version 0 (KIP-511), which reads as a bad response, or hangs up: then version 0 is
   * asked for on a new connection. Rejects as BrokerConnection does, and with a ProtocolError when the broker answers with an error.
   */
  static async connect(options: NegotiatedConnectionOptions): Promise<NegotiatedConnection> {
    const first = await BrokerConnection.connect(options);
    try {
      return await NegotiatedConnection.on(first, ApiVersions.maxVersion, options);
    } catch (error) {
      const isRefused = hasCode(error, 'BAD_RESPONSE') || hasCode(error, 'CONNECTION_CLOSED') || hasCode(error, 'KAFKA_UNSUPPORTED_VERSION');
      if (!isRefused) throw error;
    }
    return await NegotiatedConnection.on(await BrokerConnection.connect(options), 0, options);
  }

  private static async on(connection: BrokerConnection, version: number, { handshakeTimeoutMs, requestTimeoutMs }: NegotiatedConnectionOptions): Promise<NegotiatedConnection> {
    try {
      const body = { clientSoftwareName: OWN_SOFTWARE.name, clientSoftwareVersion: OWN_SOFTWARE.version };
      return new NegotiatedConnection(connection, rangesOf(await connection.request(ApiVersions, version, body, { timeoutMs: handshakeTimeoutMs ?? requestTimeoutMs })));
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  /** In the highest version that both ends have, up to `versionMax`. Rejects as BrokerConnection does, and with ProtocolError UNSUPPORTED_VERSION when there is none. */
  async request<Req, ReqIn, Res, ResIn>(api: Api<Req, ReqIn, Res, ResIn>, body: ReqIn, options: { readonly timeoutMs?: number; readonly versionMax?: number } = {}): Promise<Res> {
    return await this.connection.request(api, this.ranges.versionFor(api, options.versionMax), body, options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs });
  }
}

function rangesOf(response: ApiVersionsResponse): ApiRanges {
  if (response.errorCode !== ErrorCode.NONE) throw new ProtocolError(response.errorCode);
  return new ApiRanges(response);
}
