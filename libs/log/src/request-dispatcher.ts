import { ByteReader, errorMessage, hasCode, type Logger } from '@millrace/foundation';
import type { ApiRange, RequestContext, ResponseBytes } from '@millrace/network';
import { encodeResponseFrame, type Api } from '@millrace/protocol';
import { PooledResponse, type ApiHandler } from './handlers/api-handler.js';

/** From frames' bodies to handlers and back to frames. A body that cannot be read closes its connection (the error goes up to the network). */
export class RequestDispatcher {
  private readonly handlerByKey = new Map<number, ApiHandler>();

  constructor(
    handlers: readonly ApiHandler[],
    private readonly logger: Logger,
  ) {
    for (const handler of handlers) this.handlerByKey.set(handler.api.apiKey, handler);
  }

  /** What the network lets through. Versions that are advertised but not spoken (Produce 0-2) are not in the schema's range, and so close the connection. */
  apiRange(apiKey: number): ApiRange | undefined {
    return this.handlerByKey.get(apiKey);
  }

  handle(context: RequestContext, body: Uint8Array): ResponseBytes | Promise<ResponseBytes> {
    const handler = this.handlerByKey.get(context.apiKey);
    if (handler === undefined) return undefined;
    const api = handler.api as unknown as Api<unknown, unknown, unknown, unknown>;
    const reader = new ByteReader(body);
    const request = api.request.decode(reader, context.apiVersion);
    try {
      const answer: unknown = handler.handle(request as never, context);
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
