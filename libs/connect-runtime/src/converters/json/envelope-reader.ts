import { DataError, type Schema } from '@millrace/connect-api';
import type { JsonCursor } from './json-cursor.js';
import type { JsonReading } from './json-lazy-struct.js';
import { readSchema } from './schema-from-json.js';

const SCHEMA = Buffer.from('"schema"', 'latin1');
const PAYLOAD = Buffer.from('"payload"', 'latin1');
const HEADS_PER_TOPIC = 8;

/** An envelope's schema and where its payload stands. */
export interface OpenedEnvelope {
  readonly schema: Schema | null;
  readonly start: number;
  readonly end: number;
}

interface Head {
  readonly bytes: Uint8Array;
  readonly schema: Schema | null;
}

/** Splits envelopes. One whose beginning has the same bytes as an earlier one of the topic is not parsed again; equal schema texts give one Schema. */
export class EnvelopeReader {
  private readonly headsByTopic = new Map<string, Head[]>();
  private readonly schemaByText = new Map<string, Schema | null>();

  constructor(
    private readonly reading: JsonReading,
    private readonly schemasMax: number,
  ) {}

  open(topic: string, bytes: Uint8Array): OpenedEnvelope {
    const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const heads = this.headsByTopic.get(topic);
    if (heads) {
      for (let i = 0; i < heads.length; i++) {
        const head = heads[i]!;
        const size = head.bytes.length;
        if (size < buffer.length && buffer.compare(head.bytes, 0, size, 0, size) === 0) {
          const end = endOfPayload(buffer, size);
          if (end < 0) break;
          if (i > 0) {
            heads.splice(i, 1);
            heads.unshift(head);
          }
          return { schema: head.schema, start: size, end };
        }
      }
    }
    return this.reading.over(buffer, 0, buffer.length, (cursor) => this.parse(topic, buffer, cursor));
  }

  private parse(topic: string, buffer: Buffer, cursor: JsonCursor): OpenedEnvelope {
    if (cursor.peek() !== 0x7b) throw notAnEnvelope();
    cursor.at += 1;
    let schema: Schema | null | undefined;
    let start = -1;
    let end = -1;
    let isSchemaFirst = false;
    do {
      if (schema === undefined && cursor.acceptName(SCHEMA)) {
        schema = this.schemaAt(cursor);
        isSchemaFirst = start < 0;
      } else if (start < 0 && cursor.acceptName(PAYLOAD)) {
        cursor.peek();
        start = cursor.at;
        cursor.skip();
        end = cursor.at;
      } else throw notAnEnvelope();
    } while (cursor.accept(0x2c));
    cursor.expect(0x7d);
    cursor.expectEnd();
    if (schema === undefined || start < 0) throw notAnEnvelope();
    if (isSchemaFirst) this.remember(topic, { bytes: Uint8Array.from(buffer.subarray(0, start)), schema });
    return { schema, start, end };
  }

  private schemaAt(cursor: JsonCursor): Schema | null {
    cursor.peek();
    const start = cursor.at;
    cursor.skip();
    const text = cursor.tokenFrom(start);
    const known = this.schemaByText.get(text);
    if (known !== undefined) return known;
    const after = cursor.at;
    cursor.at = start;
    const schema = readSchema(cursor, this.reading.reader);
    cursor.at = after;
    if (this.schemaByText.size >= Math.max(1, this.schemasMax)) this.schemaByText.delete(this.schemaByText.keys().next().value!);
    this.schemaByText.set(text, schema);
    return schema;
  }

  private remember(topic: string, head: Head): void {
    let heads = this.headsByTopic.get(topic);
    if (!heads) {
      if (this.headsByTopic.size >= Math.max(1, this.schemasMax)) this.headsByTopic.clear();
      this.headsByTopic.set(topic, (heads = []));
    }
    heads.unshift(head);
    if (heads.length > HEADS_PER_TOPIC) heads.pop();
  }
}

/** Where the payload ends if the envelope ends as it should, or -1. */
function endOfPayload(buffer: Buffer, start: number): number {
  let at = buffer.length - 1;
  while (at > start && buffer[at]! <= 0x20) at -= 1;
  return at > start && buffer[at] === 0x7d ? at : -1;
}

function notAnEnvelope(): DataError {
  return new DataError(
    'JsonConverter with schemas.enable requires "schema" and "payload" fields and may not contain additional fields.' +
      ' If you are trying to deserialize plain JSON data, set schemas.enable=false in your converter configuration.',
  );
}
