import { build, fieldsOf, textOf, type RawValue } from '../bson/raw-value.js';
import { ServerError } from '../server-error.js';
import type { LogPosition } from '../store/store.js';

/** A place in a change stream. `passed`: everything of that cluster time is behind it (a high water mark). */
export interface StreamPosition extends LogPosition {
  readonly kind: 'event' | 'passed' | 'invalidate';
  /** Fragments of a split event that are behind it. */
  readonly fragment: number;
}

/** Behind all entries of a cluster time. */
export const PASSED_INDEX = 0xffffffff;
const KINDS = ['event', 'passed', 'invalidate'] as const;
/** The first byte says that a timestamp follows, as in the server's own tokens: Debezium reads the time out of them. */
const TIMESTAMP_TYPE = '82';

export function tokenOf(position: StreamPosition): Buffer {
  const bytes = Buffer.alloc(17);
  bytes.writeUInt32BE(position.seconds, 0);
  bytes.writeUInt32BE(position.increment, 4);
  bytes.writeUInt8(KINDS.indexOf(position.kind), 8);
  bytes.writeUInt32BE(position.index, 9);
  bytes.writeUInt32BE(position.fragment, 13);
  return build({ _data: `${TIMESTAMP_TYPE}${bytes.toString('hex').toUpperCase()}` });
}

export function readToken(value: RawValue): StreamPosition {
  const text = textOf(fieldsOf(value)?.get('_data'));
  const kind = text?.length === 36 && text.startsWith(TIMESTAMP_TYPE) && /^[0-9A-F]+$/.test(text) ? KINDS[Number.parseInt(text.slice(18, 20), 16)] : undefined;
  if (text === undefined || kind === undefined) throw new ServerError(260, 'InvalidResumeToken', 'Bad resume token: a _data of another form');
  const bytes = Buffer.from(text.slice(2), 'hex');
  return { seconds: bytes.readUInt32BE(0), increment: bytes.readUInt32BE(4), kind, index: bytes.readUInt32BE(9), fragment: bytes.readUInt32BE(13) };
}
