/** CRC-32C (Castagnoli, RFC 3720) of bytes[start, end), as an unsigned 32-bit number. */
export type Crc32c = (bytes: Uint8Array, start: number, end: number) => number;

/** In the order of Kafka's attribute bits 0-2. */
export const COMPRESSION_TYPES = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
export type CompressionType = (typeof COMPRESSION_TYPES)[number];

export interface CompressionCodec {
  compress(bytes: Uint8Array, level?: number): Uint8Array;
  /**
   * Never returns more than `outputBytesMax` bytes, and never allocates much more than that to find out.
   * Throws an error with code `CORRUPT_COMPRESSION` for bytes that it cannot read and `DECOMPRESSION_LIMIT` above the bound.
   */
  decompress(bytes: Uint8Array, outputBytesMax: number): Uint8Array;
}

/** Injected into `records`, so that formats do not know which native library serves them. `platform` makes the real one. */
export interface Codecs {
  readonly crc32c: Crc32c;
  readonly compression: Readonly<Record<Exclude<CompressionType, 'none'>, CompressionCodec>>;
}
