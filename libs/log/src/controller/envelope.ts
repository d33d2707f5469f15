import { ByteReader, errorMessage, hasCode, type Endpoint } from '@millrace/foundation';
import type { Principal, RequestContext } from '@millrace/network';
import { decodeRequestHeader, decodeResponse, decodeVersioned, DefaultPrincipalData, encodeRequestFrame, encodeVersioned, Envelope, ErrorCode, ProtocolError, type AnyApi, type Api, type EnvelopeRequest, type EnvelopeRequestInput } from '@millrace/protocol';
import { addressBytes, addressOf } from './client-address.js';
import { unframed } from './unframed.js';

/** What a client asked of a broker, as the broker passes it on: the request with its header, and who asked from where (KIP-590). */
export function enveloped<Request, RequestInput, Response, ResponseInput>(api: Api<Request, RequestInput, Response, ResponseInput>, body: RequestInput, { apiVersion, correlationId, clientId, connection }: RequestContext): EnvelopeRequestInput {
  const { type, name } = connection.principal;
  return {
    requestData: unframed(encodeRequestFrame(api, { apiVersion, correlationId, clientId: clientId ?? null, body })),
    requestPrincipal: encodeVersioned(DefaultPrincipalData, { type, name, tokenAuthenticated: false }, DefaultPrincipalData.maxVersion),
    clientHostAddress: addressBytes(connection.remote.host),
  };
}

/** The client's response; undefined when the node is not the active controller. Throws ProtocolError with the error of the envelope. */
export function fromEnvelope<Request, RequestInput, Response, ResponseInput>(api: Api<Request, RequestInput, Response, ResponseInput>, apiVersion: number, response: { readonly errorCode: number; readonly responseData: Uint8Array | null }): Response | undefined {
  const { errorCode, responseData } = response;
  if (errorCode === ErrorCode.NOT_CONTROLLER) return undefined;
  if (errorCode !== ErrorCode.NONE || responseData === null) throw new ProtocolError(errorCode === ErrorCode.NONE ? ErrorCode.UNKNOWN_SERVER_ERROR : errorCode, `The active controller does not take the ${Envelope.name} of ${api.name}`);
  return decodeResponse(api, apiVersion, responseData).body;
}

export interface OpenedEnvelope {
  readonly api: AnyApi;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string | undefined;
  readonly principal: Principal;
  readonly remote: Endpoint;
  readonly body: Uint8Array;
}

/** Throws ProtocolError: PRINCIPAL_DESERIALIZATION_FAILURE, INVALID_REQUEST for an address that is none, UNSUPPORTED_VERSION for a request inside that is not known here. */
export function openEnvelope({ requestData, requestPrincipal, clientHostAddress }: Readonly<EnvelopeRequest>): OpenedEnvelope {
  const principal = principalOf(requestPrincipal);
  const host = addressOf(clientHostAddress);
  if (host === undefined) throw new ProtocolError(ErrorCode.INVALID_REQUEST, `An address of ${clientHostAddress.length} bytes`);
  const reader = new ByteReader(requestData);
  const header = unlessMalformed(() => decodeRequestHeader(reader), ErrorCode.UNSUPPORTED_VERSION);
  const { api, apiVersion, correlationId, clientId, isSupported } = header;
  if (api === undefined || !isSupported) throw new ProtocolError(ErrorCode.UNSUPPORTED_VERSION, `Version ${apiVersion} of api key ${header.apiKey} is not known`);
  return { api, apiVersion, correlationId, clientId: clientId ?? undefined, principal, remote: { host, port: 0 }, body: requestData.subarray(reader.position) };
}

function principalOf(bytes: Uint8Array | null): Principal {
  if (bytes === null) throw new ProtocolError(ErrorCode.PRINCIPAL_DESERIALIZATION_FAILURE, 'The envelope does not say who asked');
  const { type, name } = unlessMalformed(() => decodeVersioned(DefaultPrincipalData, bytes).message, ErrorCode.PRINCIPAL_DESERIALIZATION_FAILURE);
  return { type, name };
}

/** Runs what reads bytes that somebody else wrote. */
export function unlessMalformed<T>(read: () => T, errorCode: number): T {
  try {
    return read();
  } catch (error) {
    if (!hasCode(error, 'MALFORMED_BYTES')) throw error;
    throw new ProtocolError(errorCode, errorMessage(error), { cause: error });
  }
}
