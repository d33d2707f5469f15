import type { LeaderEpoch, Offset, TimestampMs } from '@millrace/foundation';
import type { AbortedTransaction, AppendInfo, AppendOptions, EpochEndOffset, PartitionLogOptions, ReadRequest, ReadResult, TimestampOffset } from './contract.js';
import type { LogConfig } from './log-config.js';
import type { ProducerStateTable } from '../producer/producer-state-table.js';

export declare class PartitionLog {
  static open(options: PartitionLogOptions): Promise<PartitionLog>;
  readonly topic: string;
  readonly partition: number;
  readonly producers: ProducerStateTable;
  get logStartOffset(): Offset;
  get logEndOffset(): Offset;
  get recoveryPoint(): Offset;
  get bytes(): number;
  get firstUnstableOffset(): Offset | undefined;
  get latestEpoch(): LeaderEpoch;
  append(bytes: Uint8Array, options?: AppendOptions): AppendInfo;
  read(request: ReadRequest): ReadResult | Promise<ReadResult>;
  assignLeaderEpoch(epoch: LeaderEpoch, startOffset?: Offset): void;
  endOffsetForEpoch(epoch: LeaderEpoch): EpochEndOffset;
  offsetForTimestamp(timestampMs: TimestampMs): Promise<TimestampOffset | undefined>;
  maxTimestampOffset(): Promise<TimestampOffset | undefined>;
  abortedTransactions(fromOffset: Offset, toOffset: Offset): AbortedTransaction[];
  onHighWatermark(highWatermark: Offset): void;
  truncateTo(offset: Offset): Promise<void>;
  truncateFullyAndStartAt(offset: Offset): Promise<void>;
  advanceLogStartOffset(offset: Offset): boolean;
  deleteOldSegments(highWatermark: Offset): number;
  removeDeletedFiles(): number;
  isFlushDue(): boolean;
  flush(upTo?: Offset): Promise<Offset>;
  updateConfig(config: LogConfig): void;
  close(): Promise<void>;
}
