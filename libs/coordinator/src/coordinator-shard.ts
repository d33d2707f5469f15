import type { Flavor, Offset, ProducerId } from '@millrace/foundation';

/** Names one request that waits for its answer. The driver makes it up; the shard only hands it back. */
export type ResponseToken = Flavor<number, 'ResponseToken'>;

/**
 * What an input of a shard asks of the world, in the order of the fields. The driver
 * 1. appends `records` (all in one batch) to the shard's partition; none: go to 3;
 * 2. says `appended(effects, baseOffset)`, or, when the append was refused, carries out what `appendFailed(effects, error, now)` returns and forgets these effects;
 * 3. sends `replies` as soon as everything appended so far is committed (Invariant 1).
 * Between 1 and 2 the shard takes no other input (Invariant 2).
 */
export interface ShardEffects<Record, Reply> {
  readonly records: readonly Record[];
  readonly replies: readonly Reply[];
}

/** Where a replayed record stood. A producer id of -1: not part of a transaction. */
export interface ReplayPosition {
  readonly offset: Offset;
  readonly producerId: ProducerId;
}

/**
 * One partition of a coordinator as a pure machine. Durable state changes only in `replay`: recovery is replay of the partition from its start, then `loaded`.
 * Time and randomness are arguments. Timers are data: `nextDueMs` says when `tick` has something to do.
 */
export interface CoordinatorShard<Record, Reply, Effects extends ShardEffects<Record, Reply>> {
  /** One record of the log, while loading. */
  replay(record: Record, position: ReplayPosition): void;
  /** Everything was replayed: sessions begin now. */
  loaded(nowMs: number): void;
  /** The partition moved away, or its disk failed: every parked request is answered NOT_COORDINATOR; the shard is dead after it. */
  unload(): readonly Reply[];
  appended(effects: Effects, baseOffset: Offset): void;
  /** Everything below this offset of the partition is committed: reads show it. Said before `appended` when the append was committed at once. */
  committedTo(endOffset: Offset): void;
  /** The append was refused, with this error code of the partition. */
  appendFailed(effects: Effects, errorCode: number, nowMs: number): Effects;
  /** When `tick` is due next; Infinity when nothing waits. */
  nextDueMs(): number;
  /** Carries out one due timer; null when none is due. Call again until null. */
  tick(nowMs: number): Effects | null;
}
