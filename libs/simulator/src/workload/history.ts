import { topicPartitionName, type Offset } from '@millrace/foundation';
import type { World } from '../world.js';

export type Fate = 'pending' | 'acknowledged' | 'failed';

/** One record that a producer was given. */
export interface SentRecord {
  readonly producer: string;
  /** Counts the producer's records of one partition. */
  readonly sequence: number;
  readonly topic: string;
  readonly partition: number;
  readonly isIdempotent: boolean;
  fate: Fate;
  offset: Offset;
  ackedAtMs: number;
}

/** One commit of one group for one partition. */
export interface CommitAttempt {
  readonly offset: Offset;
  readonly startedAtMs: number;
  /** Infinity while nobody knows. */
  endedAtMs: number;
  isAcknowledged: boolean;
}

/**
 * What clients did and were told, from their side alone. What a checker needs to know of every record is in its key: producer, partition and sequence.
 */
export class History {
  readonly sent = new Map<string, SentRecord>();
  /** What any reader found at an offset of a partition: the first who looked decides. */
  readonly found = new Map<string, Map<Offset, string>>();
  readonly commits = new Map<string, CommitAttempt[]>();
  /** Offsets that members of a group were given, by group and partition. */
  readonly consumed = new Map<string, Set<Offset>>();
  /** By group and generation: who owned what. */
  private readonly owners = new Map<string, string>();
  private readonly generations = new Map<string, number>();
  readonly counts = { sent: 0, acknowledged: 0, failed: 0, read: 0, commits: 0, assignments: 0 };

  constructor(private readonly world: World) {}

  sends(key: string, record: SentRecord): void {
    this.sent.set(key, record);
    this.counts.sent += 1;
  }

  acknowledged(record: SentRecord, offset: Offset): void {
    record.fate = 'acknowledged';
    record.offset = offset;
    record.ackedAtMs = this.world.loop.nowMs;
    this.counts.acknowledged += 1;
  }

  failed(record: SentRecord): void {
    record.fate = 'failed';
    this.counts.failed += 1;
  }

  /** Invariant 1: what a reader found at an offset is what every reader finds there. */
  read(reader: string, topic: string, partition: number, offset: Offset, key: string): void {
    const name = topicPartitionName({ topic, partition });
    let offsets = this.found.get(name);
    if (offsets === undefined) this.found.set(name, (offsets = new Map()));
    const before = offsets.get(offset);
    this.counts.read += 1;
    if (before === undefined) offsets.set(offset, key);
    else if (before !== key) this.world.breach(1, `${name} offset ${offset}: ${reader} reads ${key}, another reader had ${before}`);
    const record = this.sent.get(key);
    if (record === undefined) this.world.breach(1, `${name} offset ${offset}: ${reader} reads ${key}, which nobody sent`);
    else if (record.topic !== topic || record.partition !== partition) this.world.breach(1, `${name} offset ${offset}: ${reader} reads ${key}, which was sent to ${record.topic}-${record.partition}`);
  }

  consumes(group: string, topic: string, partition: number, offset: Offset): void {
    const name = `${group}/${topicPartitionName({ topic, partition })}`;
    let offsets = this.consumed.get(name);
    if (offsets === undefined) this.consumed.set(name, (offsets = new Set()));
    offsets.add(offset);
  }

  beginsCommit(group: string, topic: string, partition: number, offset: Offset): CommitAttempt {
    const attempt: CommitAttempt = { offset, startedAtMs: this.world.loop.nowMs, endedAtMs: Number.POSITIVE_INFINITY, isAcknowledged: false };
    const name = `${group}/${topicPartitionName({ topic, partition })}`;
    const list = this.commits.get(name);
    if (list === undefined) this.commits.set(name, [attempt]);
    else list.push(attempt);
    this.counts.commits += 1;
    return attempt;
  }

  /** Invariant 23: in one generation a partition has one owner. */
  owns(group: string, generationId: number, topic: string, partition: number, memberId: string): void {
    const key = `${group}/${generationId}/${topicPartitionName({ topic, partition })}`;
    const before = this.owners.get(key);
    this.counts.assignments += 1;
    if (before !== undefined && before !== memberId) this.world.breach(23, `group ${group} generation ${generationId}: ${topic}-${partition} belongs to ${memberId} and to ${before}`);
    this.owners.set(key, memberId);
  }

  /** Invariant 25, as one member sees it. */
  generation(group: string, memberId: string, generationId: number): void {
    const key = `${group}/${memberId}`;
    const before = this.generations.get(key) ?? -1;
    if (generationId < before) this.world.breach(25, `group ${group}: member ${memberId} goes from generation ${before} to ${generationId}`);
    this.generations.set(key, generationId);
  }
}

/** Whether a read of a committed offset, begun after every commit was over, may give this. Undefined: no offset. */
export function mayBeCommitted(attempts: readonly CommitAttempt[], found: Offset | undefined): boolean {
  const acknowledged = attempts.filter((it) => it.isAcknowledged);
  if (found === undefined) return acknowledged.length === 0;
  return attempts.some((it) => it.offset === found && !acknowledged.some((later) => later.startedAtMs > it.endedAtMs));
}
