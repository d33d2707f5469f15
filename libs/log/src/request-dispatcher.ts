import { ByteReader, errorMessage, hasCode, type Logger } from '@millrace/foundation';
import type { RequestContext, ResponseBytes } from '@millrace/network';
import { encodeResponseFrame, type Api } from '@millrace/protocol';
import type { BrokerServices } from './broker-services.js';
import { PooledResponse, type ApiHandler, type BrokerApi } from './handlers/broker-api.js';

interface Served {
  readonly api: Api<unknown, unknown, unknown, unknown>;
  readonly handle: ApiHandler;
}

/** From frames' bodies to handlers and back to frames. A body that cannot be read closes its connection (the error goes up to the network). */
export class RequestDispatcher {
  private readonly servedByKey = new Map<number, Served>();
  private readonly logger: Logger;

  constructor(apis: readonly BrokerApi[], services: BrokerServices) {
    this.logger = services.logger;
    for (const { api, handlerFor } of apis) this.servedByKey.set(api.apiKey, { api: api as unknown as Served['api'], handle: handlerFor(services) });
  }

  handle(context: RequestContext, body: Uint8Array): ResponseBytes | Promise<ResponseBytes> {
    const served = this.servedByKey.get(context.apiKey);
    if (served === undefined) return undefined;
    const { api, handle } = served;
    const reader = new ByteReader(body);
    const request = api.request.decode(reader, context.apiVersion);
    try {
      const answer: unknown = handle(request as never, context);
      if (!(answer instanceof Promise)) return encode(api, context, answer);
      return answer
        .then((it: unknown) => encode(api, context, it))
        .catch((error: unknown) => {
          throw this.failed(context, api, error);
        });
    } catch (error) {
      throw this.failed(context, api, error);
    }
  }

  /** A handler answers every failure that it foresees; what arrives here is a fault of ours, or a produce without acknowledgement that failed. */
  private failed(context: RequestContext, api: Api<unknown, unknown, unknown, unknown>, error: unknown): unknown {
    if (!hasCode(error, 'PRODUCE_FAILED')) {
      const stack = error instanceof Error ? error.stack : undefined;
      this.logger.error({ api: api.name, apiVersion: context.apiVersion, clientId: context.clientId, connectionId: context.connection.connectionId, reason: errorMessage(error), stack }, 'request failed');
    }
    return error;
  }
}

function encode(api: Api<unknown, unknown, unknown, unknown>, context: RequestContext, answer: unknown): ResponseBytes {
  if (answer === undefined) return undefined;
  const { apiVersion, correlationId } = context;
  if (answer instanceof PooledResponse) return { parts: encodeResponseFrame(api, { apiVersion, correlationId, body: answer.response as unknown }), onSent: answer.release };
  return { parts: encodeResponseFrame(api, { apiVersion, correlationId, body: answer }) };
}
