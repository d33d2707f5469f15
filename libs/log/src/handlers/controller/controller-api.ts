import type { RequestContext } from '@millrace/network';
import { ProtocolError, type Api } from '@millrace/protocol';
import type { ControllerOperation } from '../../controller/controller-driver.js';
import type { ControllerServices } from '../../controller/controller-services.js';
import { servedApi, type ApiHandler, type ServedApi } from '../broker-api.js';

/** An API of the listeners of controllers; also what a broker of the same process asks. */
export type ControllerApi = ServedApi<ControllerServices>;

/** Ties a handler to its schema's types. */
export function controllerApi<Request, RequestInput, Response, ResponseInput>(
  api: Api<Request, RequestInput, Response, ResponseInput>,
  handlerFor: (services: ControllerServices) => ApiHandler<Request, ResponseInput>,
): ControllerApi {
  return servedApi(api, handlerFor);
}

/** An API that is one operation of the active controller. `failed` is the response that carries an error of the whole request: NOT_CONTROLLER, where this node is not the active one. */
export function operationApi<Request, RequestInput, Response, ResponseInput>(
  api: Api<Request, RequestInput, Response, ResponseInput>,
  operation: (request: Request, context: RequestContext) => ControllerOperation<ResponseInput>,
  failed: (errorCode: number, request: Request) => ResponseInput,
): ControllerApi {
  return controllerApi(api, (services) => async (request: Request, context): Promise<ResponseInput> => {
    try {
      return await services.driver.submit(operation(request, context));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return failed(error.errorCode, request);
    }
  });
}

/** The error code that a response has at its top. */
export const atTop = (errorCode: number): { errorCode: number } => ({ errorCode });

