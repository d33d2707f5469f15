import { ByteReader, ByteWriter, MalformedBytes } from '@millrace/foundation';
import { API_BY_KEY } from './api-table.js';
import { RequestHeader, ResponseHeader } from './generated/headers.js';
import type { AnyApi, Api } from './message-codec.js';

const SIZE_BYTES = 4;

export interface RequestFrame<ReqIn> {
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string | null;
  readonly body: ReqIn;
}

export interface ResponseFrame<ResIn> {
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly body: ResIn;
}

/** What stands before the body of a request. */
export interface DecodedRequestHeader {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  /** Null, too, when the request is not supported. */
  readonly clientId: string | null;
  /** Undefined when no schema has this key. */
  readonly api: AnyApi | undefined;
  /** Whether the body can be decoded; when not, the reader stands behind the correlation id. */
  readonly isSupported: boolean;
}

/** A whole frame (size, header, body) in the parts that go to the socket. Large `records` stay the caller's own bytes. */
export function encodeRequestFrame<Req, ReqIn, Res, ResIn>(api: Api<Req, ReqIn, Res, ResIn>, request: RequestFrame<ReqIn>, writer = new ByteWriter()): Uint8Array[] {
  const start = writer.reserve(SIZE_BYTES);
  const { apiVersion, correlationId, clientId } = request;
  const headerVersion = apiVersion >= api.flexibleFrom ? 2 : 1;
  RequestHeader.encode(writer, { requestApiKey: api.apiKey, requestApiVersion: apiVersion, correlationId, clientId }, headerVersion);
  api.request.encode(writer, request.body, apiVersion);
  writer.patchInt32(start, writer.position - start - SIZE_BYTES);
  return writer.takeChunks();
}

/** As encodeRequestFrame. */
export function encodeResponseFrame<Req, ReqIn, Res, ResIn>(api: Api<Req, ReqIn, Res, ResIn>, response: ResponseFrame<ResIn>, writer = new ByteWriter()): Uint8Array[] {
  const start = writer.reserve(SIZE_BYTES);
  ResponseHeader.encode(writer, { correlationId: response.correlationId }, responseHeaderVersion(api, response.apiVersion));
  api.response.encode(writer, response.body, response.apiVersion);
  writer.patchInt32(start, writer.position - start - SIZE_BYTES);
  return writer.takeChunks();
}

/**
 * Reads the header of a request from a frame without its size; the reader stands before the body afterwards.
 * An unknown key or version does not throw: what is done about it depends on the key.
 */
export function decodeRequestHeader(reader: ByteReader): DecodedRequestHeader {
  const start = reader.position;
  const apiKey = reader.int16();
  const apiVersion = reader.int16();
  const correlationId = reader.int32();
  const api = API_BY_KEY.get(apiKey);
  if (api === undefined || apiVersion < api.minVersion || apiVersion > api.maxVersion) return { apiKey, apiVersion, correlationId, clientId: null, api, isSupported: false };
  reader.position = start;
  const { clientId } = RequestHeader.decode(reader, apiVersion >= api.flexibleFrom ? 2 : 1);
  return { apiKey, apiVersion, correlationId, clientId, api, isSupported: true };
}

/** Reads one response from a frame without its size. Throws MalformedBytes when bytes are left over. */
export function decodeResponse<Req, ReqIn, Res, ResIn>(api: Api<Req, ReqIn, Res, ResIn>, apiVersion: number, frame: Uint8Array): { correlationId: number; body: Res } {
  const reader = new ByteReader(frame);
  const { correlationId } = ResponseHeader.decode(reader, responseHeaderVersion(api, apiVersion));
  const body = api.response.decode(reader, apiVersion);
  if (reader.remaining > 0) throw new MalformedBytes(`${reader.remaining} bytes behind the response of ${api.name} ${apiVersion}`);
  return { correlationId, body };
}

function responseHeaderVersion(api: { readonly responseHeaderFlexibleFrom: number }, apiVersion: number): number {
  return apiVersion >= api.responseHeaderFlexibleFrom ? 1 : 0;
}
