import type { SinkRecord, TopicPartition } from '@millrace/connect-api';
import type { PartitionRecords } from '@millrace/client';
import { topicPartitionName } from '@millrace/foundation';
import type { Attempts } from '../errors/record-errors.js';
import { TIMER_MS_MAX } from '../waiting.js';
import { CONVERT_LATER, type SinkConversion } from './sink-conversion.js';

/** Records of a sink task, made ready for one `put`; with where consumption goes on once it has succeeded. */
export interface SinkBatch {
  readonly records: SinkRecord[];
  /** Next offset by partition. */
  readonly positions: Map<TopicPartition, number>;
  /** The first record's offset by partition, or the next offset where there is none. */
  readonly starts: Map<TopicPartition, number>;
}

/** The batch without a partition's records: its position was moved, the others go on as they are. */
export function withoutPartition(batch: SinkBatch, partition: TopicPartition): SinkBatch {
  const others = (offsets: ReadonlyMap<TopicPartition, number>): Map<TopicPartition, number> => new Map([...offsets].filter(([it]) => it !== partition));
  return {
    records: batch.records.filter((it) => it.originalPartition !== partition.partition || it.originalTopic !== partition.topic),
    positions: others(batch.positions),
    starts: others(batch.starts),
  };
}

interface Piece {
  readonly partition: TopicPartition;
  readonly records: PartitionRecords;
  remaining: number;
  /** The record that the cursor is at has failed and is to be tried again. */
  attempts: Attempts | undefined;
  dueMs: number;
}

/** Fetched pieces waiting for `put`. Records are converted when a batch is made of them, not before. */
export class SinkQueue {
  private readonly pieces: Piece[] = [];
  private readonly paused = new Set<TopicPartition>();
  private readonly known = new Map<string, TopicPartition>();
  /** Upper bound of the records in here. */
  records = 0;

  private retryTimer: NodeJS.Timeout | undefined;

  constructor(
    private readonly conversion: SinkConversion,
    /** A record that failed may be tried again. */
    private readonly onRetry: () => void,
  ) {}

  /** The one object that stands for a partition. */
  partition(it: TopicPartition): TopicPartition {
    const name = topicPartitionName(it);
    let partition = this.known.get(name);
    if (!partition) this.known.set(name, (partition = { topic: it.topic, partition: it.partition }));
    return partition;
  }

  add(pieces: readonly PartitionRecords[]): void {
    for (const records of pieces) {
      this.pieces.push({ partition: this.partition(records), records, remaining: records.recordsMax, attempts: undefined, dueMs: 0 });
      this.records += records.recordsMax;
    }
  }

  pause(partitions: readonly TopicPartition[]): void {
    for (const it of partitions) this.paused.add(this.partition(it));
  }

  resume(partitions: readonly TopicPartition[]): void {
    for (const it of partitions) this.paused.delete(this.partition(it));
  }

  isPaused(partition: TopicPartition): boolean {
    return this.paused.has(this.partition(partition));
  }

  /** Forgets what waits of a partition: its position was moved. */
  drop(partition: TopicPartition): void {
    const it = this.partition(partition);
    for (let i = this.pieces.length - 1; i >= 0; i--) if (this.pieces[i]!.partition === it) this.remove(i);
  }

  /** The partition is another task's: it is not paused any more either. */
  forget(partition: TopicPartition): void {
    this.drop(partition);
    this.paused.delete(this.partition(partition));
  }

  clear(): void {
    clearTimeout(this.retryTimer);
    this.pieces.length = 0;
    this.records = 0;
    this.paused.clear();
  }

  /** Up to `recordsMax` records, in the order of their partitions; undefined when nothing can be given. Throws when a record fails the task. */
  take(recordsMax: number): SinkBatch | undefined {
    const batch: SinkBatch = { records: [], positions: new Map(), starts: new Map() };
    const held = new Set(this.paused);
    for (let i = 0; i < this.pieces.length && batch.records.length < recordsMax && !this.conversion.isHeldUp; ) {
      const piece = this.pieces[i]!;
      if (!held.has(piece.partition) && this.fill(batch, piece, recordsMax)) this.remove(i);
      else {
        held.add(piece.partition);
        i += 1;
      }
    }
    this.scheduleRetry();
    return batch.records.length === 0 && batch.positions.size === 0 ? undefined : batch;
  }

  /** True when the piece is used up. */
  private fill(batch: SinkBatch, piece: Piece, recordsMax: number): boolean {
    const { records, partition } = piece;
    const { cursor } = records;
    let next = -1;
    if (piece.attempts && piece.dueMs > performance.now()) return false;
    while (batch.records.length < recordsMax && !this.conversion.isHeldUp) {
      if (!piece.attempts && !records.next()) {
        if (!batch.starts.has(partition)) batch.starts.set(partition, records.nextOffset);
        batch.positions.set(partition, records.nextOffset);
        return true;
      }
      if (!batch.starts.has(partition)) batch.starts.set(partition, cursor.offset);
      const record = this.conversion.convert(partition, records, piece);
      if (record === CONVERT_LATER) {
        piece.dueMs = performance.now() + this.conversion.retryMs;
        break;
      }
      piece.attempts = undefined;
      if (record !== null) batch.records.push(record);
      next = cursor.offset + 1;
      piece.remaining -= 1;
      this.records -= 1;
    }
    if (next >= 0) batch.positions.set(partition, next);
    return false;
  }

  private scheduleRetry(): void {
    clearTimeout(this.retryTimer);
    let dueMs = Infinity;
    for (const piece of this.pieces) if (piece.attempts) dueMs = Math.min(dueMs, piece.dueMs);
    if (dueMs < Infinity) this.retryTimer = setTimeout(this.onRetry, Math.min(TIMER_MS_MAX, Math.max(1, dueMs - performance.now() + 1)));
  }

  private remove(index: number): void {
    const [piece] = this.pieces.splice(index, 1);
    this.records -= piece?.remaining ?? 0;
  }
}
