import { APIS } from './generated/apis.js';
import { ErrorCode } from './generated/errors.js';
import type { AnyApi } from './message-codec.js';
import { ProtocolError } from './protocol-error.js';

/** The codecs of each API by its key. */
export const API_BY_KEY: ReadonlyMap<number, AnyApi> = new Map(APIS.map((api) => [api.apiKey, api]));

/** Throws ProtocolError UNSUPPORTED_VERSION for a key without a schema. */
export function apiOf(apiKey: number): AnyApi {
  const api = API_BY_KEY.get(apiKey);
  if (api === undefined) throw new ProtocolError(ErrorCode.UNSUPPORTED_VERSION, `API key ${apiKey} is not known`);
  return api;
}

/** The versions of the two headers around bodies of `apiVersion`. */
export function headerVersions(apiKey: number, apiVersion: number): { request: number; response: number } {
  const api = apiOf(apiKey);
  return { request: apiVersion >= api.flexibleFrom ? 2 : 1, response: apiVersion >= api.responseHeaderFlexibleFrom ? 1 : 0 };
}
