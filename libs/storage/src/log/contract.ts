import type { Clock, Codecs, LeaderEpoch, Logger, Offset, OperationalError, ProducerId, Random, TimestampMs, Uuid } from '@millrace/foundation';
import type { FileSystem } from '../fs/file-system.js';
import type { ReadBuffers } from './read-buffers.js';
import type { TailMemory } from './tail-memory.js';
import type { LogConfig } from './log-config.js';

export interface PartitionLogOptions {
  readonly fileSystem: FileSystem;
  /** The partition's folder, `<log.dir>/<topic>-<partition>`; made when it is not there. */
  readonly folder: string;
  readonly topic: string;
  readonly partition: number;
  /** Written to `partition.metadata` of a new folder. A folder that belongs to another topic id is refused with `INCONSISTENT_TOPIC_ID`. */
  readonly topicId?: Uuid;
  readonly config: LogConfig;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly codecs: Codecs;
  /** For `segment.jitter.ms`; without it there is no jitter. */
  readonly random?: Random;
  /** False: everything from `recoveryPoint` on is scanned and the log is cut at the first bad byte. */
  readonly hadCleanShutdown: boolean;
  /** What `recovery-point-offset-checkpoint` says: below it all was synced. */
  readonly recoveryPoint: Offset;
  /** What `log-start-offset-checkpoint` says; 0 for none. */
  readonly logStartOffset: Offset;
  /** `producer.id.expiration.ms`; 24 hours by default. */
  readonly producerIdExpirationMs?: number;
  /** Bound of what one compressed batch may expand to when its records are looked at; 256 MiB by default. */
  readonly decompressedBytesMax?: number;
  /** Shared by the logs of a process; a small one of its own by default. */
  readonly tailMemory?: TailMemory;
  readonly readBuffers?: ReadBuffers;
  /**
   * Called when `recoveryPoint` has fallen, before offsets above it are cut off: the lower value must be durable before the log may grow over the cut.
   * `LogDirectory` writes the checkpoint file here.
   */
  readonly beforeRecoveryPointFalls?: () => Promise<void>;
  /** Told once when the log goes offline: its disk can no longer be trusted. */
  readonly onOffline?: (cause: OperationalError) => void;
}

/** Who appends: `client` and `coordinator` batches stand exactly at the log end offset; those of `replication` may leave gaps (the leader's log was compacted). */
export type AppendOrigin = 'client' | 'coordinator' | 'replication';

export interface AppendOptions {
  readonly origin?: AppendOrigin;
  /** Of the leader that appends; checked against the batches' own stamps, and noted in the leader-epoch checkpoint. Not given for replication: each batch brings its own. */
  readonly leaderEpoch?: LeaderEpoch;
}

export interface AppendInfo {
  readonly baseOffset: Offset;
  readonly lastOffset: Offset;
  /** The log end offset behind this append. */
  readonly nextOffset: Offset;
  readonly maxTimestampMs: TimestampMs;
  readonly batchCount: number;
  readonly bytes: number;
  /** A new segment was begun: `flush(baseOffset)` is due soon, in the background. */
  readonly hasRolled: boolean;
  /** `flush.messages` is reached: flush before the append is acknowledged. */
  readonly isFlushDue: boolean;
}

export interface ReadRequest {
  readonly offset: Offset;
  readonly maxBytes: number;
  /** Exclusive: the high watermark, or the last stable offset. Default: the log end offset. */
  readonly maxOffset?: Offset;
  /** The first batch is returned even when it is larger than maxBytes (KIP-74). */
  readonly minOneBatch?: boolean;
}

export interface ReadResult {
  /** Whole batches back to back, as they stand in the file; the first one contains the offset asked for, or is the first behind it. May be empty. Never to be changed. */
  readonly bytes: Uint8Array;
  /** Base offset of the first batch; the offset asked for when there is none. */
  readonly baseOffset: Offset;
  /** Where to read on. */
  readonly nextOffset: Offset;
  /** True when the first batch was there but did not fit into maxBytes (and minOneBatch was not set). */
  readonly isFirstBatchTooLarge: boolean;
  /** Gives the memory back for the next read. Optional, at most once, and `bytes` must not be used afterwards. */
  release(): void;
}

export interface TimestampOffset {
  readonly timestampMs: TimestampMs;
  readonly offset: Offset;
  readonly leaderEpoch: LeaderEpoch;
}

/** The largest epoch that is not above the one asked for, and the offset at which it ended; -1 and -1 when nothing is known. */
export interface EpochEndOffset {
  readonly epoch: LeaderEpoch;
  readonly endOffset: Offset;
}

/** An entry of a transaction index. */
export interface AbortedTransaction {
  readonly producerId: ProducerId;
  readonly firstOffset: Offset;
  /** Offset of the abort marker. */
  readonly lastOffset: Offset;
  /** Below it every transaction was decided when this one ended. */
  readonly lastStableOffset: Offset;
}
