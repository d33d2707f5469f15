import type { Logger } from '@millrace/foundation';
import { ProtocolServer, type RequestContext, type ResponseBytes } from '@millrace/network';
import type { BrokerConfig } from '../config/broker-config.js';
import type { NamedEndpoint } from '../config/listeners.js';
import type { ServedApi } from '../handlers/broker-api.js';
import type { RequestDispatcher } from '../request-dispatcher.js';
import type { NodePorts } from './node-ports.js';

/** Listeners with the same requests behind them: bound before there is anything that could answer, because a node registers with the ports that it got. Requests wait until then. */
export class ListenerGroup {
  private readonly server: ProtocolServer;
  private readonly ready: Promise<RequestDispatcher | undefined>;
  private dispatcher: RequestDispatcher | undefined;
  private release: (dispatcher: RequestDispatcher | undefined) => void = () => undefined;

  constructor(config: BrokerConfig, apis: readonly ServedApi<never>[], { transport, clock, scheduler }: NodePorts, logger: Logger) {
    this.ready = new Promise((resolve) => (this.release = resolve));
    const known = new Map(apis.map((it) => [it.api.apiKey, it]));
    this.server = new ProtocolServer({
      transport,
      clock,
      scheduler,
      logger,
      apiRange: (apiKey) => known.get(apiKey),
      handle: (context, body) => (this.dispatcher === undefined ? this.handleWhenReady(context, body) : this.dispatcher.handle(context, body)),
      limits: {
        frameBytesMax: config.get('socket.request.max.bytes'),
        waitingRequestsMax: config.get('queued.max.requests'),
        idleMsMax: config.get('connections.max.idle.ms'),
        connectionsMax: config.get('max.connections'),
        connectionsPerIpMax: config.get('max.connections.per.ip'),
      },
    });
  }

  get connectionCount(): number {
    return this.server.connectionCount;
  }

  /** Gives what was bound. */
  async listen(listeners: readonly NamedEndpoint[]): Promise<NamedEndpoint[]> {
    const bound: NamedEndpoint[] = [];
    for (const listener of listeners) {
      const { endpoint } = await this.server.listen(listener.name, listener);
      bound.push({ name: listener.name, host: endpoint.host, port: endpoint.port });
    }
    return bound;
  }

  /** Answers what waits and what comes. */
  serve(dispatcher: RequestDispatcher): void {
    this.dispatcher = dispatcher;
    this.release(dispatcher);
  }

  /** Requests that wait for `serve` are dropped with their connections. */
  async close(graceMs: number): Promise<void> {
    this.release(undefined);
    await this.server.close(graceMs);
  }

  private async handleWhenReady(context: RequestContext, body: Uint8Array): Promise<ResponseBytes> {
    const kept = new Uint8Array(body);
    const dispatcher = await this.ready;
    return dispatcher?.handle(context, kept);
  }
}
