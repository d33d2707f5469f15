/** Where the text of each column of a row lies in its bytes; a start of NULL or UNCHANGED stands for a value without text. */
export interface RowSpans {
  starts: Int32Array;
  ends: Int32Array;
}

export const NULL = -1;
/** A large value that the server did not send because the update did not touch it. */
export const UNCHANGED = -2;

const MAX_COLUMNS = 1664;

export function newSpans(): RowSpans {
  return { starts: new Int32Array(MAX_COLUMNS), ends: new Int32Array(MAX_COLUMNS) };
}

/** Finds the columns of a pgoutput tuple (column count, then kind, length and text of each). Returns where the tuple ends. */
export function locateTuple(bytes: Buffer, at: number, spans: RowSpans): number {
  const { starts, ends } = spans;
  const count = (bytes[at]! << 8) | bytes[at + 1]!;
  let next = at + 2;
  for (let i = 0; i < count; i++) {
    const kind = bytes[next]!;
    if (kind === 0x74) {
      const length = (bytes[next + 1]! << 24) | (bytes[next + 2]! << 16) | (bytes[next + 3]! << 8) | bytes[next + 4]!;
      starts[i] = next + 5;
      next += 5 + length;
      ends[i] = next;
    } else {
      starts[i] = kind === 0x75 ? UNCHANGED : NULL;
      next += 1;
    }
  }
  return next;
}

/** Finds the columns of a line of COPY text that holds no backslash. */
export function locateCopyLine(bytes: Buffer, start: number, end: number, spans: RowSpans): void {
  const { starts, ends } = spans;
  let column = 0;
  starts[0] = start;
  for (let at = start; at < end; at++) {
    if (bytes[at] === 0x09) {
      ends[column++] = at;
      starts[column] = at + 1;
    }
  }
  ends[column] = end;
}

/** A line of COPY text with escapes or nulls, as a pgoutput tuple. The line is given without its newline. */
export function tupleFromCopyLine(bytes: Buffer, start: number, end: number): Buffer {
  const tuple = Buffer.allocUnsafe(2 + (end - start) + 5 * countColumns(bytes, start, end));
  let columns = 0;
  let to = 2;
  let at = start;
  for (;;) {
    columns += 1;
    if (bytes[at] === 0x5c && bytes[at + 1] === 0x4e && (at + 2 === end || bytes[at + 2] === 0x09)) {
      tuple[to++] = 0x6e;
      at += 2;
    } else {
      const head = to;
      to += 5;
      for (; at < end && bytes[at] !== 0x09; at++) {
        if (bytes[at] === 0x5c) {
          at += 1;
          tuple[to++] = unescape(bytes[at]!);
        } else tuple[to++] = bytes[at]!;
      }
      tuple[head] = 0x74;
      tuple.writeUInt32BE(to - head - 5, head + 1);
    }
    if (at >= end) break;
    at += 1;
  }
  tuple.writeUInt16BE(columns, 0);
  return tuple.subarray(0, to);
}

function countColumns(bytes: Buffer, start: number, end: number): number {
  let count = 1;
  for (let at = start; at < end; at++) if (bytes[at] === 0x09) count += 1;
  return count;
}

/** COPY TO writes only these escapes. */
function unescape(letter: number): number {
  switch (letter) {
    case 0x62:
      return 0x08;
    case 0x66:
      return 0x0c;
    case 0x6e:
      return 0x0a;
    case 0x72:
      return 0x0d;
    case 0x74:
      return 0x09;
    case 0x76:
      return 0x0b;
    default:
      return letter;
  }
}
