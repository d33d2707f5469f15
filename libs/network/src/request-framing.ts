import { ByteReader, ByteWriter, MalformedBytes } from '@millrace/foundation';
import { decodeRequestHeader } from '@millrace/protocol';
import type { ConnectionContext, RequestContext } from './request-context.js';
import type { FrameOutcome } from './server-connection.js';

const API_VERSIONS = 18;
const UNSUPPORTED_VERSION = 35;

export interface ApiRange {
  readonly minVersion: number;
  readonly maxVersion: number;
  /** What the handler does in order it has done when it returns: the next request of this kind may begin while this one's answer still waits for something. */
  readonly isPipelined?: boolean;
}

export type FramedRequest = { readonly kind: 'request'; readonly context: RequestContext; readonly body: Uint8Array } | FrameOutcome;

/** Reads request headers, and answers what Kafka answers before any handler is asked: versions that are not spoken. */
export class RequestFraming {
  constructor(private readonly apiRange: (apiKey: number) => ApiRange | undefined) {}

  /** May this request begin while others like it wait for their answers? */
  isPipelined(frame: Uint8Array): boolean {
    return frame.length >= 2 && this.apiRange((frame[0]! << 8) | frame[1]!)?.isPipelined === true;
  }

  /** Throws MalformedBytes for a header that cannot be read. */
  read(frame: Uint8Array, connection: ConnectionContext): FramedRequest {
    if (frame.length < 8) throw new MalformedBytes(`a request of ${frame.length} bytes has no header`);
    const reader = new ByteReader(frame);
    const { apiKey, apiVersion, correlationId, clientId, isSupported } = decodeRequestHeader(reader);
    const range = this.apiRange(apiKey);
    if (range === undefined) return { kind: 'close', reason: `unknown api key ${apiKey}` };
    if (!isSupported || apiVersion < range.minVersion || apiVersion > range.maxVersion) {
      if (apiKey === API_VERSIONS) return { kind: 'respond', bytes: { parts: [unsupportedApiVersions(correlationId, range)] } };
      return { kind: 'close', reason: `version ${apiVersion} of api key ${apiKey} is not supported` };
    }
    return { kind: 'request', context: { apiKey, apiVersion, correlationId, clientId: clientId ?? undefined, connection }, body: frame.subarray(reader.position) };
  }
}

/** KIP-511: version 0 of the response, with the one entry that lets the client ask again. */
function unsupportedApiVersions(correlationId: number, range: ApiRange): Uint8Array {
  const writer = new ByteWriter(20);
  writer.int32(16);
  writer.int32(correlationId);
  writer.int16(UNSUPPORTED_VERSION);
  writer.int32(1);
  writer.int16(API_VERSIONS);
  writer.int16(range.minVersion);
  writer.int16(range.maxVersion);
  return writer.take();
}
