import { hasCode } from '@millrace/foundation';
import type { RequestContext } from '@millrace/network';
import { ErrorCode, ProtocolError, type Api } from '@millrace/protocol';
import type { BrokerServices } from '../../broker/broker-services.js';
import { brokerApi, type BrokerApi } from '../broker-api.js';

/** What the controller decided is followed by this broker a moment later; the answer waits for that no longer than this. */
export const FOLLOW_MS_MAX = 5000;

/** A client's request goes to the active controller as it came, in its own version. `failed` is the response when there is no controller to be found in time. */
export async function forward<Request extends RequestInput, RequestInput, Response extends ResponseInput, ResponseInput>(
  services: BrokerServices,
  api: Api<Request, RequestInput, Response, ResponseInput>,
  { request, context, timeoutMs }: { readonly request: Request; readonly context: RequestContext; readonly timeoutMs?: number | undefined },
  failed: (errorCode: number, request: Request) => ResponseInput,
): Promise<ResponseInput> {
  try {
    return await services.controller.request(api, request, { forwarded: context, ...(timeoutMs === undefined ? {} : { timeoutMs }) });
  } catch (error) {
    // What is wrong between this node and the controller is not the client's to know; an unknown version closes its connection, as in Kafka.
    if (error instanceof ProtocolError && error.errorCode !== ErrorCode.UNSUPPORTED_VERSION) return failed(ErrorCode.UNKNOWN_SERVER_ERROR, request);
    if (!hasCode(error, 'NO_CONTROLLER')) throw error;
    // Clients take it as a reason to look for the controller anew.
    return failed(ErrorCode.NOT_CONTROLLER, request);
  }
}

/** An API that is nothing but passed on. */
export function forwardedApi<Request extends RequestInput, RequestInput, Response extends ResponseInput, ResponseInput>(
  api: Api<Request, RequestInput, Response, ResponseInput>,
  failed: (errorCode: number, request: Request) => ResponseInput,
): BrokerApi {
  return brokerApi(api, (services) => (request, context) => forward(services, api, { request, context, timeoutMs: timeoutOf(request) }, failed));
}

function timeoutOf(request: unknown): number | undefined {
  const { timeoutMs } = request as { readonly timeoutMs?: unknown };
  return typeof timeoutMs === 'number' && timeoutMs > 0 ? timeoutMs : undefined;
}
