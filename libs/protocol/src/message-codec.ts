import type { ByteReader, ByteWriter } from '@millrace/foundation';
import { ProtocolError } from './protocol-error.js';
import { ErrorCode } from './generated/errors.js';

/**
 * Bytes <-> one message in any of its versions. `decode` throws MalformedBytes for bytes that are not such a message; `encode` throws
 * ProtocolError UNSUPPORTED_VERSION for a value that the version cannot carry. Both throw that for a version outside the range.
 */
export interface MessageCodec<T, Input = T> {
  readonly name: string;
  readonly minVersion: number;
  readonly maxVersion: number;
  /** First version with compact lengths and tagged fields; Infinity = none. */
  readonly flexibleFrom: number;
  encode(writer: ByteWriter, message: Input, version: number): void;
  /** `bytes` and `records` of the result are views of what the reader reads. */
  decode(reader: ByteReader, version: number): T;
}

/** A request and its response. */
export interface Api<Req, ReqIn = Req, Res = unknown, ResIn = Res> {
  readonly name: string;
  readonly apiKey: number;
  readonly minVersion: number;
  readonly maxVersion: number;
  /** What the ApiVersions answer says; differs from minVersion only for Produce, where clients look for versions that are gone. */
  readonly advertisedMinVersion: number;
  readonly advertisedMaxVersion: number;
  readonly flexibleFrom: number;
  readonly responseHeaderFlexibleFrom: number;
  readonly request: MessageCodec<Req, ReqIn>;
  readonly response: MessageCodec<Res, ResIn>;
}

/** Codecs of messages whose type the caller does not know; `never` as input, since only a caller that knows the type may encode. */
export type AnyMessageCodec = MessageCodec<object, never> & { readonly key?: number };
export type AnyApi = Api<object, never, object, never>;

export function makeCodec<T, Input>(
  name: string,
  minVersion: number,
  maxVersion: number,
  flexibleFrom: number,
  decode: (reader: ByteReader, version: number) => T,
  encode: (writer: ByteWriter, message: Input, version: number) => void,
): MessageCodec<T, Input> {
  const check = (version: number): void => {
    if (!(version >= minVersion && version <= maxVersion)) {
      throw new ProtocolError(ErrorCode.UNSUPPORTED_VERSION, `${name} has versions ${minVersion} to ${maxVersion}, not ${version}`);
    }
  };
  return {
    name,
    minVersion,
    maxVersion,
    flexibleFrom,
    decode(reader, version) {
      check(version);
      return decode(reader, version);
    },
    encode(writer, message, version) {
      check(version);
      encode(writer, message, version);
    },
  };
}
