import { type Header, type OffsetMap, Schema, type SourceRecord, type Value } from '@millrace/connect-api';
import type { SourceSettings } from '../config/source-settings.js';
import { type FileMarks, offsetOf } from '../files/file-offset.js';
import { jsonValue } from './json-value.js';
import type { Line } from './line-splitter.js';

const TEXT = Schema.of('string');
const BYTES = Schema.of('bytes');
const INT64 = Schema.of('int64');

/** Where a line stands: in which file, as which of its lines, by which name of the stream. */
export interface LinePlace {
  readonly path: string;
  readonly mtimeMs: number;
  readonly partition: OffsetMap;
  readonly marks: FileMarks;
  /** From 1; null: not counted. */
  readonly number: number | null;
  /** It had no line break, so far. */
  readonly isOpenEnded: boolean;
}

/** The record of a line. Throws DataError for one that cannot be read as the settings say. */
export function recordOf(line: Line, place: LinePlace, settings: SourceSettings): SourceRecord {
  let value: Value = settings.isBytes ? line.bytes.subarray(line.start, line.end) : settings.decoding.decode(line.bytes, line.start, line.end);
  if (settings.format === 'ndjson') value = jsonValue(value as string);
  const schema = settings.format === 'ndjson' ? null : settings.isBytes ? BYTES : TEXT;
  const { partition, marks, number, isOpenEnded } = place;
  return new LineRecord(settings.topic, schema, value, settings.hasHeaders ? headersOf(line.position, place) : undefined, partition, marks, line.next, number, line.seen, line.seenEnd, isOpenEnded);
}

function headersOf(position: number, { path, mtimeMs, number }: LinePlace): Header[] {
  return [
    { key: 'file.path', schema: TEXT, value: path },
    { key: 'file.offset', schema: INT64, value: BigInt(position) },
    ...(number === null ? [] : [{ key: 'file.line', schema: INT64, value: BigInt(number) }]),
    { key: 'file.modified', schema: INT64, value: BigInt(Math.trunc(mtimeMs)) },
  ];
}

/** The offset is made when it is asked for: that of most records never is. */
class LineRecord implements SourceRecord {
  readonly keySchema = null;
  readonly key = null;

  constructor(
    readonly topic: string,
    readonly valueSchema: Schema | null,
    readonly value: Value,
    readonly headers: Header[] | undefined,
    readonly sourcePartition: OffsetMap,
    private readonly marks: FileMarks,
    private readonly position: number,
    private readonly line: number | null,
    private readonly seen: Buffer,
    private readonly seenEnd: number,
    private readonly isOpenEnded: boolean,
  ) {}

  get sourceOffset(): OffsetMap {
    return offsetOf(this.marks, this.position, this.line, this.seen, this.seenEnd, this.isOpenEnded);
  }
}
