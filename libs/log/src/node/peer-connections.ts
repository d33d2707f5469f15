import type { Clock, Endpoint, Scheduler, Transport } from '@millrace/foundation';
import { NegotiatedConnection } from '@millrace/network';
import type { Api } from '@millrace/protocol';

export interface PeerConnectionsOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly clientId: string;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
}

/**
 * Connections from this node to others, made when they are needed. A server answers the requests of one connection in order, so what may wait long (a fetch) goes by a
 * `lane` of its own.
 */
export class PeerConnections {
  private readonly connections = new Map<string, Promise<NegotiatedConnection>>();
  private isClosed = false;

  constructor(private readonly options: PeerConnectionsOptions) {}

  /**
   * Asks in the newest version that both nodes know. Rejects with an OperationalError when the node cannot be reached or does not answer, with ProtocolError UNSUPPORTED_VERSION when it
   * does not know the request in any version of ours, or none that can say it.
   */
  async request<Request, RequestInput, Response, ResponseInput>(
    to: { readonly endpoint: Endpoint; readonly lane: string },
    api: Api<Request, RequestInput, Response, ResponseInput>,
    body: RequestInput,
    options: { readonly timeoutMs?: number } = {},
  ): Promise<Response> {
    const peer = await this.connectionTo(to);
    return await peer.request(api, body, { versionMax: api.advertisedMaxVersion, ...options });
  }

  close(): void {
    this.isClosed = true;
    for (const it of this.connections.values()) void it.then(({ connection }) => connection.close(), neverConnected);
    this.connections.clear();
  }

  private connectionTo({ endpoint, lane }: { readonly endpoint: Endpoint; readonly lane: string }): Promise<NegotiatedConnection> {
    const key = `${lane} ${endpoint.host}:${endpoint.port}`;
    const known = this.connections.get(key);
    if (known !== undefined) return known;
    const connecting = NegotiatedConnection.connect({ ...this.options, endpoint, handshakeTimeoutMs: this.options.connectTimeoutMs });
    this.connections.set(key, connecting);
    const forget = (): void => {
      if (this.connections.get(key) === connecting) this.connections.delete(key);
    };
    connecting.then(({ connection }) => {
      connection.onClose = forget;
      if (this.isClosed) connection.close();
      else if (!connection.isOpen) forget();
    }, forget);
    return connecting;
  }
}

/** Whoever asked by it has been told. */
function neverConnected(): void {}
