import fc from 'fast-check';
import { formatLsn, parseLsn, readUint64, writeUint64 } from './lsn.js';

describe('positions in the log', () => {
  it('are written as PostgreSQL writes them', () => {
    expect(formatLsn(0x16b374d848)).toBe('16/B374D848');
    expect(formatLsn(0)).toBe('0/0');
  });

  it('come back from text and from bytes', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (lsn) => {
        expect(parseLsn(formatLsn(lsn))).toBe(lsn);
        const bytes = Buffer.alloc(8);
        writeUint64(bytes, 0, lsn);
        expect(bytes.readBigUInt64BE(0)).toBe(BigInt(lsn));
        expect(readUint64(bytes, 0)).toBe(lsn);
      }),
    );
  });
});
