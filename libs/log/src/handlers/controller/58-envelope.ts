/**
 * Envelope, version 0: what a broker's client asked, passed on with who asked. Errors of the envelope and of the request inside are Kafka's; as in Kafka an answer of a controller that
 * is not active becomes NOT_CONTROLLER of the envelope. Deviations: none known.
 */
import { ByteReader } from '@millrace/foundation';
import { decodeResponse, Envelope, ErrorCode, ProtocolError, type AnyApi, type EnvelopeRequest, type EnvelopeResponseInput } from '@millrace/protocol';
import type { RequestContext } from '@millrace/network';
import type { ControllerServices } from '../../controller/controller-services.js';
import { openEnvelope, unlessMalformed } from '../../controller/envelope.js';
import { isFromInactive } from '../../controller/inactive-answer.js';
import { unframedAnswer } from '../../controller/unframed.js';
import { controllerApi, type ControllerApi } from './controller-api.js';

/** What brokers may pass on. */
const FORWARDABLE: readonly number[] = [19, 20, 33, 37, 43, 44, 45, 46, 55, 57, 64, 80, 81];

/** `apis` is everything that the controller answers. */
export function envelopeApi(apis: () => readonly ControllerApi[]): ControllerApi {
  return controllerApi(Envelope, (services) => async (request, context): Promise<EnvelopeResponseInput | undefined> => {
    try {
      return await answerEnveloped(services, apis(), request, context);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return { errorCode: error.errorCode };
    }
  });
}

async function answerEnveloped(services: ControllerServices, apis: readonly ControllerApi[], request: EnvelopeRequest, context: RequestContext): Promise<EnvelopeResponseInput | undefined> {
  const { api, apiVersion, correlationId, clientId, principal, remote, body } = openEnvelope(request);
  const served = FORWARDABLE.includes(api.apiKey) ? apis.find((it) => it.api.apiKey === api.apiKey) : undefined;
  if (served === undefined) throw new ProtocolError(ErrorCode.INVALID_REQUEST, `${api.name} is not passed on`);
  if (apiVersion < served.minVersion || apiVersion > served.maxVersion) throw new ProtocolError(ErrorCode.UNSUPPORTED_VERSION, `Version ${apiVersion} of ${api.name} is not served`);
  // A body that cannot be read is a fault of the envelope; the handler reads it once more.
  unlessMalformed(() => api.request.decode(new ByteReader(body), apiVersion), ErrorCode.UNSUPPORTED_VERSION);
  const connection = { ...context.connection, principal, remote, clientSoftware: undefined };
  const answer = await services.dispatch({ apiKey: api.apiKey, apiVersion, correlationId, clientId, connection, isForwarded: true }, body);
  if (answer === undefined) return undefined;
  const responseData = unframedAnswer(answer);
  return isRefusal(api, apiVersion, responseData) ? { errorCode: ErrorCode.NOT_CONTROLLER } : { responseData, errorCode: ErrorCode.NONE };
}

function isRefusal(api: AnyApi, apiVersion: number, responseData: Uint8Array): boolean {
  return isFromInactive(decodeResponse(api, apiVersion, responseData).body, api.apiKey);
}
