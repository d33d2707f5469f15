import { ByteReader, errorMessage, hasCode, OperationalError, type Clock, type Logger } from '@millrace/foundation';
import type { RequestContext, ResponseBytes } from '@millrace/network';
import { encodeResponseFrame, type Api } from '@millrace/protocol';
import { NO_ANSWER, PooledResponse, type ApiHandler, type ServedApi } from './handlers/broker-api.js';

interface Served {
  readonly api: Api<unknown, unknown, unknown, unknown>;
  readonly handle: ApiHandler;
  readonly traffic: ApiTraffic;
}

interface ServesWith {
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Requests of one API since the start, under Kafka's names of its request metrics. */
export interface ApiTraffic {
  readonly api: string;
  requests: number;
  /** Answered by closing the connection: a fault of ours, or a body that cannot be read. */
  failures: number;
  requestBytes: number;
  /** From the decoded request to its answer, waits for data and acknowledgements included. */
  totalTimeMs: number;
  totalTimeMaxMs: number;
}

/** From frames' bodies to handlers and back to frames. A body that cannot be read closes its connection (the error goes up to the network). */
export class RequestDispatcher {
  private readonly servedByKey = new Map<number, Served>();
  private readonly clock: Clock;
  private readonly logger: Logger;

  static of<Services extends ServesWith>(apis: readonly ServedApi<Services>[], services: Services): RequestDispatcher {
    return new RequestDispatcher(apis as readonly ServedApi<never>[], services);
  }

  private constructor(apis: readonly ServedApi<never>[], services: ServesWith) {
    this.clock = services.clock;
    this.logger = services.logger;
    for (const { api, handlerFor } of apis) this.servedByKey.set(api.apiKey, { api: api as unknown as Served['api'], handle: handlerFor(services as never), traffic: { api: api.name, requests: 0, failures: 0, requestBytes: 0, totalTimeMs: 0, totalTimeMaxMs: 0 } });
  }

  handle(context: RequestContext, body: Uint8Array): ResponseBytes | Promise<ResponseBytes> {
    const served = this.servedByKey.get(context.apiKey);
    if (served === undefined) return undefined;
    const { handle, traffic } = served;
    const startedMs = this.clock.monotonicMs();
    traffic.requests += 1;
    traffic.requestBytes += body.length;
    const request = this.decoded(served, context, body);
    try {
      const answer: unknown = handle(request as never, context);
      if (!(answer instanceof Promise)) return this.answered(served, context, answer, startedMs);
      return answer
        .then((it: unknown) => this.answered(served, context, it, startedMs))
        .catch((error: unknown) => {
          throw this.failed(context, served, error);
        });
    } catch (error) {
      throw this.failed(context, served, error);
    }
  }

  traffic(): ApiTraffic[] {
    return [...this.servedByKey.values()].map((it) => ({ ...it.traffic }));
  }

  /** A body that cannot be read is its sender's fault: the network tells of it, a bounded number of times. */
  private decoded({ api, traffic }: Served, context: RequestContext, body: Uint8Array): unknown {
    try {
      return api.request.decode(new ByteReader(body), context.apiVersion);
    } catch (error) {
      traffic.failures += 1;
      throw error;
    }
  }

  private answered({ api, traffic }: Served, context: RequestContext, answer: unknown, startedMs: number): ResponseBytes {
    const tookMs = this.clock.monotonicMs() - startedMs;
    traffic.totalTimeMs += tookMs;
    if (tookMs > traffic.totalTimeMaxMs) traffic.totalTimeMaxMs = tookMs;
    if (answer === undefined) throw new OperationalError('NOT_ANSWERED', `${api.name} is not answered any more: what would have is ending`);
    return encode(api, context, answer);
  }

  /** A handler answers every failure that it foresees; what arrives here is a fault of ours, a produce without acknowledgement that failed, or a request to a quorum that has ended on this node. */
  private failed(context: RequestContext, { api, traffic }: Served, error: unknown): unknown {
    traffic.failures += 1;
    if (!hasCode(error, 'PRODUCE_FAILED') && !hasCode(error, 'NOT_ANSWERED')) {
      const stack = error instanceof Error ? error.stack : undefined;
      this.logger.error({ api: api.name, apiVersion: context.apiVersion, clientId: context.clientId, connectionId: context.connection.connectionId, error: errorMessage(error), stack }, 'request failed');
    }
    return error;
  }
}

function encode(api: Api<unknown, unknown, unknown, unknown>, context: RequestContext, answer: unknown): ResponseBytes {
  if (answer === NO_ANSWER) return undefined;
  const { apiVersion, correlationId } = context;
  if (answer instanceof PooledResponse) return { parts: encodeResponseFrame(api, { apiVersion, correlationId, body: answer.response as unknown }), onSent: answer.release };
  return { parts: encodeResponseFrame(api, { apiVersion, correlationId, body: answer }) };
}
