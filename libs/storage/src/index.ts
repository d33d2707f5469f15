export type { FileSystem, FolderEntry, OpenFile, OpenMode } from './fs/file-system.js';
export { NodeFileSystem } from './fs/node-file-system.js';
export { storageError } from './fs/storage-error.js';
export { DEFAULT_LOG_CONFIG, LOG_CONFIG_KEYS, logConfigFromProperties, type LogConfig } from './log/log-config.js';
export type { AbortedTransaction, AppendInfo, AppendOptions, AppendOrigin, EpochEndOffset, PartitionLogOptions, ReadRequest, ReadResult, TimestampOffset } from './log/contract.js';
export { ReadBuffers } from './log/read-buffers.js';
export { TailMemory } from './log/tail-memory.js';
export type { PartitionLog } from './log/partition-log.js';
export { ProducerStateTable, type CompletedTransaction, type ProducerBatch, type ProducerError, type ProducerState, type ProducerVerdict } from './producer/producer-state-table.js';
