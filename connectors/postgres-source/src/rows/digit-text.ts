/** Digits of a whole number as ASCII; returns where they end. */
export function writeDigits(bytes: Buffer, at: number, value: number): number {
  if (value < 0) {
    bytes[at] = 0x2d;
    return writeDigits(bytes, at + 1, -value);
  }
  if (value < 1e9) return writeSmall(bytes, at, value | 0, countDigits(value | 0));
  const high = Math.floor(value / 1e8);
  const end = writeDigits(bytes, at, high);
  return writeSmall(bytes, end, (value - high * 1e8) | 0, 8);
}

function countDigits(value: number): number {
  let width = 1;
  for (let rest = value; rest >= 10; rest = (rest / 10) | 0) width += 1;
  return width;
}

function writeSmall(bytes: Buffer, at: number, value: number, width: number): number {
  let rest = value;
  for (let to = at + width - 1; to >= at; to--) {
    const tenth = (rest / 10) | 0;
    bytes[to] = 0x30 + (rest - tenth * 10);
    rest = tenth;
  }
  return at + width;
}

/** A moment in microseconds since 1970, with its digits: those of milliseconds and nanoseconds are a part of them, or some zeros more. */
export class MicrosText {
  readonly bytes: Buffer;
  readonly microsEnd: number;

  constructor(micros: number) {
    this.bytes = Buffer.allocUnsafe(24);
    this.microsEnd = writeDigits(this.bytes, 0, micros);
    this.bytes.fill(0x30, this.microsEnd, this.microsEnd + 3);
  }

  get millisEnd(): number {
    return this.microsEnd - 3;
  }

  get nanosEnd(): number {
    return this.microsEnd + 3;
  }
}
