import { DataError, LazyStruct, type Schema, type Value, type ValueWriter } from '@millrace/connect-api';
import { JsonCursor } from './json-cursor.js';
import { readLoneValue } from './schema-from-json.js';
import type { JsonValueReader } from './json-value-reader.js';

/** The reader that the structs of one converter share, with a cursor for the usual case that one visit runs at a time. */
export class JsonReading {
  private idle: JsonCursor | undefined = new JsonCursor();

  constructor(readonly reader: JsonValueReader) {}

  /** Runs with a cursor at the start of the range; nested runs get a cursor of their own. */
  over<T>(bytes: Uint8Array, start: number, end: number, run: (cursor: JsonCursor) => T): T {
    const cursor = this.idle ?? new JsonCursor();
    this.idle = undefined;
    cursor.reset(bytes, start, end);
    try {
      return run(cursor);
    } finally {
      this.idle = cursor;
    }
  }
}

/** A JSON object still in bytes. A payload that is not JSON is found out when it is visited. */
export class JsonLazyStruct extends LazyStruct {
  constructor(
    readonly schema: Schema,
    private readonly reading: JsonReading,
    private readonly bytes: Uint8Array,
    private readonly start: number,
    private readonly end: number,
  ) {
    super();
  }

  visit(writer: ValueWriter): void {
    try {
      this.reading.over(this.bytes, this.start, this.end, (cursor) => {
        this.reading.reader.read(cursor, this.schema, writer);
        cursor.expectEnd();
      });
    } catch (error) {
      throw readingError(error, this.bytes, this.start, this.end);
    }
  }

  /** Reads this one field; the others stay bytes. */
  override get(name: string): Value {
    const field = this.schema.field(name);
    if (!field) return super.get(name);
    return this.reading.over(this.bytes, this.start, this.end, (cursor) => {
      cursor.expect(0x7b);
      let found = -1;
      if (!cursor.accept(0x7d)) {
        do {
          const member = cursor.text();
          cursor.expect(0x3a);
          if (member === name) found = cursor.at;
          cursor.skip();
        } while (cursor.accept(0x2c));
      }
      if (found < 0) return field.schema.default ?? null;
      cursor.at = found;
      return readLoneValue(cursor, this.reading.reader, field.schema);
    });
  }
}

/** What went wrong with a text that could not be read: Java tells texts that are not JSON at all from those that do not fit. */
export function readingError(error: unknown, bytes: Uint8Array, start: number, end: number): unknown {
  if (!(error instanceof DataError) || error.cause !== undefined) return error;
  try {
    JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8'));
    return error;
  } catch {
    return Object.assign(new DataError('Converting byte[] to Kafka Connect data failed due to serialization error: '), { cause: error });
  }
}
