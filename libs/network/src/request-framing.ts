import { ByteReader, ByteWriter, MalformedBytes } from '@millrace/foundation';
import type { ConnectionContext, RequestContext } from './request-context.js';
import type { FrameOutcome } from './server-connection.js';

const API_VERSIONS = 18;
const UNSUPPORTED_VERSION = 35;

export interface ApiRange {
  readonly minVersion: number;
  readonly maxVersion: number;
  /** From this version on the request header has tagged fields. */
  readonly firstFlexible: number;
}

export type FramedRequest = { readonly kind: 'request'; readonly context: RequestContext; readonly body: Uint8Array } | FrameOutcome;

/** Reads request headers, and answers what Kafka answers before any handler is asked: versions that are not spoken. */
export class RequestFraming {
  constructor(private readonly apiRange: (apiKey: number) => ApiRange | undefined) {}

  /** Throws MalformedBytes for a header that cannot be read. */
  read(frame: Uint8Array, connection: ConnectionContext): FramedRequest {
    if (frame.length < 8) throw new MalformedBytes(`a request of ${frame.length} bytes has no header`);
    const reader = new ByteReader(frame);
    const apiKey = reader.int16();
    const apiVersion = reader.int16();
    const correlationId = reader.int32();
    const range = this.apiRange(apiKey);
    if (range === undefined) return { kind: 'close', reason: `unknown api key ${apiKey}` };
    if (apiVersion < range.minVersion || apiVersion > range.maxVersion) {
      if (apiKey === API_VERSIONS) return { kind: 'respond', bytes: [unsupportedApiVersions(correlationId, range)] };
      return { kind: 'close', reason: `version ${apiVersion} of api key ${apiKey} is not supported` };
    }
    const clientIdLength = reader.int16();
    const clientId = clientIdLength < 0 ? undefined : reader.utf8(clientIdLength);
    if (apiVersion >= range.firstFlexible) skipTaggedFields(reader);
    return { kind: 'request', context: { apiKey, apiVersion, correlationId, clientId, connection }, body: frame.subarray(reader.position) };
  }
}

function skipTaggedFields(reader: ByteReader): void {
  const count = reader.uvarint();
  for (let i = 0; i < count; i++) {
    reader.uvarint();
    reader.skip(reader.uvarint());
  }
}

/** KIP-511: version 0 of the response, with the one entry that lets the client ask again. */
function unsupportedApiVersions(correlationId: number, range: ApiRange): Uint8Array {
  const writer = new ByteWriter(16);
  writer.int32(correlationId);
  writer.int16(UNSUPPORTED_VERSION);
  writer.int32(1);
  writer.int16(API_VERSIONS);
  writer.int16(range.minVersion);
  writer.int16(range.maxVersion);
  return writer.take();
}
