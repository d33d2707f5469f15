/**
 * A position in the write-ahead log, in bytes. A number is exact up to 2^53 (eight petabytes of log), which keeps 64-bit
 * arithmetic off the hot path.
 */
export type Lsn = number;

const HIGH = 2 ** 32;

export function readUint64(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at) * HIGH + bytes.readUInt32BE(at + 4);
}

export function writeUint64(bytes: Buffer, at: number, value: number): void {
  const high = Math.floor(value / HIGH);
  bytes.writeUInt32BE(high, at);
  bytes.writeUInt32BE(value - high * HIGH, at + 4);
}

/** As PostgreSQL writes it: `16/B374D848`. */
export function formatLsn(lsn: Lsn): string {
  const high = Math.floor(lsn / HIGH);
  return `${high.toString(16).toUpperCase()}/${(lsn - high * HIGH).toString(16).toUpperCase()}`;
}

export function parseLsn(text: string): Lsn {
  const [high, low] = text.split('/');
  return Number.parseInt(high ?? '', 16) * HIGH + Number.parseInt(low ?? '', 16);
}
