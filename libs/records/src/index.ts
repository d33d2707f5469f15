export {
  BATCH_HEADER_BYTES,
  BATCH_OVERHEAD_BYTES,
  batchAttributesAt,
  batchBaseOffsetAt,
  batchBaseSequenceAt,
  batchBaseTimestampAt,
  batchCrcAt,
  batchDeleteHorizonAt,
  batchLastOffsetAt,
  batchLeaderEpochAt,
  batchMagicAt,
  batchMaxTimestampAt,
  batchProducerEpochAt,
  batchProducerIdAt,
  batchRecordCountAt,
  batchSizeAt,
  isControlBatchAt,
  isTransactionalBatchAt,
} from './batch-format.js';
export { batchesOf, readBatchHeader, wholeBatchSizeAt, type BatchHeader, type PlacedBatch, type TimestampType } from './batch-header.js';
export { isBatchCrcValid, stampBatch, stampLogAppendTime, stampMaxTimestamp, stampProducer } from './batch-stamps.js';
export { RecordCursor, recordsOf, type DecodedRecord, type RecordHeader } from './record-cursor.js';
export { validateProducerBatch, type ProducerBatchCheck, type ProducerBatchError, type ProducerBatchLimits, type RecordError } from './producer-batch.js';
export { BatchFilter, emptyBatch, type FilteredBatch } from './batch-filter.js';
export { RecordBatchBuilder, recordBytesMax, type BatchOptions } from './record-batch-builder.js';
export {
  buildControlBatch,
  buildEndTxnMarker,
  CONTROL_RECORD_TYPES,
  controlRecordKey,
  controlRecordType,
  readEndTxnMarker,
  type ControlBatchOptions,
  type ControlRecordType,
  type EndTxnMarker,
} from './control-records.js';
