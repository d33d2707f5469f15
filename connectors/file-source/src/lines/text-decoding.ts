/** How bytes are text, and where its lines end. */
export interface TextDecoding {
  /** Bytes of a unit: in UTF-16 a line break is two bytes, at an even place. */
  readonly unit: 1 | 2;
  /** What a file may begin with and is no text. */
  readonly mark: Uint8Array;
  /** `\n` in this encoding. */
  readonly newline: Buffer;
  readonly carriageReturn: Buffer;
  decode(bytes: Buffer, start: number, end: number): string;
}

type Utf8Slice = Buffer & { utf8Slice(start: number, end: number): string; latin1Slice(start: number, end: number): string; ucs2Slice(start: number, end: number): string };

/** In these a byte of a character may look like a line break, or what a byte means depends on all before it. */
const UNSAFE = new Set(['iso-2022-jp', 'replacement', 'x-user-defined', 'utf-7']);

/** Characters 0x80 to 0x9f. Node 20's own decoder takes this encoding for Latin 1. */
const WINDOWS_1252 = [...'€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ'];

/** Throws RangeError for an encoding that cannot be read line by line. */
export function textDecoder(name: string): TextDecoding {
  const label = name.trim().toLowerCase();
  const single = { unit: 1 as const, mark: new Uint8Array(), newline: Buffer.from('\n'), carriageReturn: Buffer.from('\r') };
  if (label === 'utf-8' || label === 'utf8') return { ...single, mark: Buffer.from([0xef, 0xbb, 0xbf]), decode: (bytes, start, end) => (bytes as Utf8Slice).utf8Slice(start, end) };
  if (['iso-8859-1', 'latin1', 'iso8859_1'].includes(label)) return { ...single, decode: (bytes, start, end) => (bytes as Utf8Slice).latin1Slice(start, end) };
  if (['windows-1252', 'cp1252'].includes(label)) return { ...single, decode: (bytes, start, end) => (bytes as Utf8Slice).latin1Slice(start, end).replace(/[\u0080-\u009f]/g, (it) => WINDOWS_1252[it.charCodeAt(0) - 0x80] ?? it) };
  let decoder: InstanceType<typeof TextDecoder>;
  try {
    decoder = new TextDecoder(label, { ignoreBOM: true });
  } catch {
    throw new RangeError('It is not an encoding that is known here');
  }
  if (UNSAFE.has(decoder.encoding)) throw new RangeError('Lines cannot be found in this encoding');
  const decode = (bytes: Buffer, start: number, end: number): string => decoder.decode(bytes.subarray(start, end));
  if (decoder.encoding === 'utf-16le') {
    return { unit: 2, mark: Buffer.from([0xff, 0xfe]), newline: Buffer.from([10, 0]), carriageReturn: Buffer.from([13, 0]), decode: (bytes, start, end) => (bytes as Utf8Slice).ucs2Slice(start, end) };
  }
  if (decoder.encoding === 'utf-16be') return { unit: 2, mark: Buffer.from([0xfe, 0xff]), newline: Buffer.from([0, 10]), carriageReturn: Buffer.from([0, 13]), decode };
  return { ...single, decode };
}
