import type { Codecs } from '@millrace/foundation';
import { crc32c } from './codecs/crc32c.js';
import { gzip } from './codecs/gzip.js';
import { lz4 } from './codecs/lz4.js';
import { snappy } from './codecs/snappy.js';
import { zstd } from './codecs/zstd.js';

/** CRC-32C and the four compressions of Kafka; all synchronous, all bounded on reading. */
export const nodeCodecs: Codecs = { crc32c, compression: { gzip, snappy, lz4, zstd } };
