/** Text that grows, as UTF-8 bytes. */
export class JsonText {
  bytes = Buffer.allocUnsafe(64 * 1024);
  length = 0;

  /** Makes room for so many more bytes. */
  reserve(more: number): void {
    const needed = this.length + more;
    if (needed <= this.bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.bytes.length * 2));
    this.bytes.copy(grown, 0, 0, this.length);
    this.bytes = grown;
  }

  /** ASCII text that needs no escapes. */
  ascii(text: string): void {
    this.reserve(text.length);
    const { bytes } = this;
    let at = this.length;
    for (let i = 0; i < text.length; i++) bytes[at++] = text.charCodeAt(i);
    this.length = at;
  }

  byte(value: number): void {
    if (this.length === this.bytes.length) this.reserve(1);
    this.bytes[this.length++] = value;
  }

  /** A JSON string of the UTF-8 bytes from `start` to `end`, in quotes, escaped as MongoDB's Java driver does it. */
  string(source: Buffer, start: number, end: number): void {
    // A byte that is kept takes one; the escape of a character outside ASCII takes six for each two or more.
    this.reserve((end - start) * 6 + 2);
    const { bytes } = this;
    let at = this.length;
    bytes[at++] = QUOTE;
    let i = start;
    for (; i < end; i++) {
      const code = source[i]!;
      if (code >= 0x7f) break;
      const escape = ESCAPES[code]!;
      if (escape === 0) bytes[at++] = code;
      else {
        bytes[at++] = BACKSLASH;
        bytes[at++] = escape;
        if (escape === LETTER_U) at = writeHex(bytes, at, code);
      }
    }
    if (i < end) at = writeUnicode(bytes, at, source.toString('utf8', i, end));
    bytes[at++] = QUOTE;
    this.length = at;
  }

  /** Bytes as two digits each. */
  hex(source: Buffer, start: number, end: number): void {
    this.reserve((end - start) * 2);
    const { bytes } = this;
    let at = this.length;
    for (let i = start; i < end; i++) {
      const value = source[i]!;
      bytes[at++] = HEX[value >> 4]!;
      bytes[at++] = HEX[value & 15]!;
    }
    this.length = at;
  }

  /** Digits of an integer within ±2^53. */
  integer(value: number): void {
    if (value >= 0 && value < 10) this.byte(0x30 + value);
    else this.ascii(String(value));
  }

  toString(): string {
    return this.bytes.toString('utf8', 0, this.length);
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LETTER_U = 0x75;
const HEX = Buffer.from('0123456789abcdef');

/** For ASCII: 0 for itself, otherwise the letter behind the backslash. */
const ESCAPES = ((): Uint8Array => {
  const table = new Uint8Array(128);
  table.fill(LETTER_U, 0, 0x20);
  table[0x7f] = LETTER_U;
  for (const [text, letter] of ['""', '\\\\', '\bb', '\ff', '\nn', '\rr', '\tt'].map((it) => [it.charCodeAt(0), it.charCodeAt(1)] as const)) table[text] = letter;
  return table;
})();

/** Letters (but modifier letters), digits, punctuation, symbols and spaces are shown; marks, controls, halves of surrogate pairs and all else are escaped. */
const SHOWN = /^[\p{Lu}\p{Ll}\p{Lt}\p{Lo}\p{N}\p{Zs}\p{P}\p{S}]$/u;
/** By code unit: 0 not known yet, 1 shown, 2 escaped. */
const shownUnits = new Uint8Array(65_536);

function isShown(code: number): boolean {
  const known = shownUnits[code]!;
  if (known !== 0) return known === 1;
  const shown = (code < 0xd800 || code > 0xdfff) && SHOWN.test(String.fromCharCode(code));
  shownUnits[code] = shown ? 1 : 2;
  return shown;
}

function writeUnicode(bytes: Buffer, start: number, text: string): number {
  let at = start;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x80) {
      const escape = ESCAPES[code]!;
      if (escape === 0) {
        bytes[at++] = code;
        continue;
      }
      bytes[at++] = BACKSLASH;
      bytes[at++] = escape;
      if (escape === LETTER_U) at = writeHex(bytes, at, code);
    } else if (!isShown(code)) {
      bytes[at++] = BACKSLASH;
      bytes[at++] = LETTER_U;
      at = writeHex(bytes, at, code);
    } else if (code < 0x800) {
      bytes[at++] = 0xc0 | (code >> 6);
      bytes[at++] = 0x80 | (code & 0x3f);
    } else {
      bytes[at++] = 0xe0 | (code >> 12);
      bytes[at++] = 0x80 | ((code >> 6) & 0x3f);
      bytes[at++] = 0x80 | (code & 0x3f);
    }
  }
  return at;
}

function writeHex(bytes: Buffer, start: number, code: number): number {
  bytes[start] = HEX[(code >> 12) & 15]!;
  bytes[start + 1] = HEX[(code >> 8) & 15]!;
  bytes[start + 2] = HEX[(code >> 4) & 15]!;
  bytes[start + 3] = HEX[code & 15]!;
  return start + 4;
}
