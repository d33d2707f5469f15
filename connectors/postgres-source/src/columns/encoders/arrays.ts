import { Schema } from '@millrace/connect-api';
import type { Encode, TypeMapping, WriteConstant } from './encode.js';

const NULL_ELEMENT = -1;

let elementBytes = Buffer.allocUnsafe(4096);
let starts = new Int32Array(256);
let ends = new Int32Array(256);

/** An array of one dimension. Elements of further dimensions are null, as in Debezium. */
export function arrayMapping(element: TypeMapping, elementSchema: Schema, whenUnchanged: WriteConstant | undefined): TypeMapping {
  const schema = Schema.array(elementSchema);
  const encode: Encode = (writer, bytes, start, end) => {
    const count = splitArray(bytes, start, end);
    writer.beginArray(schema, count);
    for (let i = 0; i < count; i++) {
      if (starts[i] === NULL_ELEMENT) writer.null();
      else element.encode(writer, elementBytes, starts[i]!, ends[i]!);
    }
    writer.endArray();
  };
  const whenNull: WriteConstant = (writer) => {
    writer.beginArray(schema, 0);
    writer.endArray();
  };
  return { schema, encode, whenNull, ...(whenUnchanged === undefined ? {} : { whenUnchanged }) };
}

/** Unescapes the elements of `{a,"b c",NULL}` into `elementBytes`; returns how many there are. */
function splitArray(bytes: Buffer, start: number, end: number): number {
  if (elementBytes.length < end - start) elementBytes = Buffer.allocUnsafe((end - start) * 2);
  let at = start;
  // Bounds that are not 1: [2:3]={x,y}
  if (bytes[at] === 0x5b) at = bytes.indexOf(0x3d, at) + 1;
  at += 1;
  let count = 0;
  let to = 0;
  while (at < end && bytes[at] !== 0x7d) {
    if (count === starts.length) grow();
    const from = to;
    if (bytes[at] === 0x7b) {
      at = skipNested(bytes, at, end);
      starts[count++] = NULL_ELEMENT;
    } else if (bytes[at] === 0x22) {
      for (at += 1; bytes[at] !== 0x22; at++) {
        if (bytes[at] === 0x5c) at += 1;
        elementBytes[to++] = bytes[at]!;
      }
      at += 1;
      starts[count] = from;
      ends[count++] = to;
    } else {
      for (; at < end && bytes[at] !== 0x2c && bytes[at] !== 0x7d; at++) elementBytes[to++] = bytes[at]!;
      starts[count] = isNullWord(from, to) ? NULL_ELEMENT : from;
      ends[count++] = to;
    }
    if (bytes[at] === 0x2c) at += 1;
  }
  return count;
}

function isNullWord(from: number, to: number): boolean {
  return to - from === 4 && elementBytes[from] === 0x4e && elementBytes[from + 1] === 0x55 && elementBytes[from + 2] === 0x4c && elementBytes[from + 3] === 0x4c;
}

function skipNested(bytes: Buffer, start: number, end: number): number {
  let depth = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at];
    if (byte === 0x22) {
      for (at += 1; bytes[at] !== 0x22; at++) if (bytes[at] === 0x5c) at += 1;
    } else if (byte === 0x7b) depth += 1;
    else if (byte === 0x7d && --depth === 0) return at + 1;
  }
  return end;
}

function grow(): void {
  const more = (old: Int32Array): Int32Array<ArrayBuffer> => {
    const wider = new Int32Array(old.length * 2);
    wider.set(old);
    return wider;
  };
  starts = more(starts);
  ends = more(ends);
}
