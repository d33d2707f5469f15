import type { Codecs, CompressionType } from '@millrace/foundation';
import { RecordBatchBuilder, recordsOf, type BatchHeader } from '@millrace/records';

export interface Recompression {
  readonly compression: CompressionType;
  readonly level: number | undefined;
  readonly codecs: Codecs;
  readonly decompressedBytesMax: number;
}

/** For topics whose `compression.type` is not the producer's choice: the same records, sequences and times in a new batch. */
export function recompressBatch(bytes: Uint8Array, header: BatchHeader, target: Recompression): Uint8Array {
  const builder = new RecordBatchBuilder(bytes.length * 2);
  const records = recordsOf(bytes, target.codecs, { decompressedBytesMax: target.decompressedBytesMax });
  while (records.next()) builder.append(records.key(), records.value(), records.timestampMs, records.headers());
  return builder.build({
    codecs: target.codecs,
    compression: target.compression,
    ...(target.level === undefined ? {} : { level: target.level }),
    producerId: header.producerId,
    producerEpoch: header.producerEpoch,
    baseSequence: header.baseSequence,
    isTransactional: header.isTransactional,
  });
}
