import { type ConnectLogger, RetriableError, type SinkRecord, type TopicPartition } from '@millrace/connect-api';
import type { PreparedCall, Session } from '../connection/session.js';
import type { OffsetRow, OffsetStep, OffsetTable } from './offset-table.js';

/** A partition that this task may write for. */
interface Claim {
  readonly topic: string;
  readonly partition: number;
  epoch: string;
  next: number | null;
  /** On which the epoch was begun: what another connection of this task may still do is refused. Undefined: not yet, or no more. */
  session: Session | undefined;
  /** When another task was found to have the partition (`performance.now()`). */
  fencedAt: number | undefined;
  isDropping: boolean;
  /** The position is not yet where the table says. */
  mustSeek: boolean;
}

export interface StoredOffsetsOptions {
  readonly table: OffsetTable;
  readonly logger: ConnectLogger;
  /** How long a partition that another task has taken is left to it, although its records still come here. */
  readonly fencedWaitMs: number;
  /** What the runtime waits before it gives the records again. */
  readonly retryDelayMs: number;
  seek(partition: TopicPartition, offset: number): void;
}

/** What of a put is to be written, and the statement that goes into its transaction. */
export interface Accepted {
  readonly records: readonly SinkRecord[];
  /** Undefined: there is nothing to write, nor to move. */
  readonly step: PreparedCall | undefined;
  /** To be called when the transaction is committed. */
  readonly settle: () => void;
}

/**
 * Exactly once: the next offset of each partition is written with the rows, in their transaction (invariant 7), and records before it are dropped.
 * A connection that was lost may still commit, so a new one begins a new epoch before it reads how far the old one came.
 */
export class StoredOffsets {
  private readonly claims = new Map<string, Claim>();
  private readonly ready = new WeakSet<Session>();

  constructor(private readonly options: StoredOffsetsOptions) {}

  /** The partitions are this task's now: takes them, and moves to where the table says. */
  async open(session: Session, partitions: readonly TopicPartition[]): Promise<void> {
    if (partitions.length === 0) return;
    const claims = partitions.map((it) => this.begin(it));
    await this.makeReady(session);
    await this.take(session, claims);
    for (const { topic, partition, next } of claims) if (next !== null) this.options.seek({ topic, partition }, next);
  }

  /** As `open` when the database cannot be reached: they are taken before the first write. */
  expect(partitions: readonly TopicPartition[]): void {
    for (const it of partitions) this.begin(it).mustSeek = true;
  }

  close(partitions: readonly TopicPartition[]): void {
    for (const it of partitions) this.claims.delete(keyOf(it.topic, it.partition));
  }

  /** Drops what is stored already. Throws RetriableError while another task has one of the partitions. */
  async accept(session: Session, records: readonly SinkRecord[]): Promise<Accepted> {
    await this.makeReady(session);
    const touched = this.touched(records);
    await this.hold(session, touched);
    const ends = new Map<Claim, number>();
    const kept: SinkRecord[] = [];
    const moved = claimsOf(touched).some((it) => it.mustSeek) ? this.seekBack(records) : NONE;
    for (const record of records) {
      const claim = touched.get(record.originalTopic)?.get(record.originalPartition);
      if (!claim || moved.has(claim) || record.originalKafkaOffset < Math.max(claim.next ?? 0, ends.get(claim) ?? 0)) {
        if (claim && !moved.has(claim)) this.noteDropped(claim, record);
        continue;
      }
      ends.set(claim, record.originalKafkaOffset + 1);
      kept.push(record);
    }
    const steps = Array.from(ends, ([{ topic, partition, epoch }, next]): OffsetStep => ({ topic, partition, next, epoch }));
    return {
      records: kept,
      step: steps.length === 0 ? undefined : this.options.table.step(steps),
      settle: () => ends.forEach((next, claim) => (claim.next = next)),
    };
  }

  /** A transaction was refused: another task has some of these partitions. Finds out which, and what to throw. */
  async fenced(session: Session, records: readonly SinkRecord[]): Promise<RetriableError> {
    const claims = claimsOf(this.touched(records));
    for (const claim of claims) claim.session = undefined;
    await this.renew(session, claims);
    return this.lostError(claims) ?? new RetriableError('The partitions were another task\'s for a moment', { retryAfterMs: 0 });
  }

  private async makeReady(session: Session): Promise<void> {
    if (this.ready.has(session)) return;
    await this.options.table.makeReady(session);
    this.ready.add(session);
  }

  /** Partitions whose offsets could not be read when they were opened, and whose first records lie behind them: what is between comes first. */
  private seekBack(records: readonly SinkRecord[]): Set<Claim> {
    const moved = new Set<Claim>();
    for (const { originalTopic, originalPartition, originalKafkaOffset } of records) {
      const claim = this.claims.get(keyOf(originalTopic, originalPartition));
      if (!claim?.mustSeek) continue;
      claim.mustSeek = false;
      const { topic, partition, next } = claim;
      if (next === null || originalKafkaOffset <= next) continue;
      this.options.seek({ topic, partition }, next);
      moved.add(claim);
    }
    return moved;
  }

  private begin({ topic, partition }: TopicPartition): Claim {
    const claim: Claim = { topic, partition, epoch: '', next: null, session: undefined, fencedAt: undefined, isDropping: false, mustSeek: false };
    this.claims.set(keyOf(topic, partition), claim);
    return claim;
  }

  private touched(records: readonly SinkRecord[]): Map<string, Map<number, Claim>> {
    const touched = new Map<string, Map<number, Claim>>();
    let lastTopic: string | undefined;
    let lastPartition = -1;
    for (const { originalTopic: topic, originalPartition: partition } of records) {
      if (topic === lastTopic && partition === lastPartition) continue;
      lastTopic = topic;
      lastPartition = partition;
      const claim = this.claims.get(keyOf(topic, partition)) ?? this.begin({ topic, partition });
      const ofTopic = touched.get(topic);
      if (ofTopic) ofTopic.set(partition, claim);
      else touched.set(topic, new Map([[partition, claim]]));
    }
    return touched;
  }

  /** Each of these partitions is this task's, in an epoch that began on this connection. */
  private async hold(session: Session, touched: ReadonlyMap<string, ReadonlyMap<number, Claim>>): Promise<void> {
    const claims = claimsOf(touched).filter((it) => it.session !== session);
    if (claims.length === 0) return;
    const now = performance.now();
    const fresh = claims.filter((it) => it.epoch === '' || (it.fencedAt !== undefined && now - it.fencedAt >= this.options.fencedWaitMs));
    await this.take(session, fresh);
    const others = claims.filter((it) => !fresh.includes(it));
    await this.renew(session, others.filter((it) => it.fencedAt === undefined));
    const lost = this.lostError(others);
    if (lost) throw lost;
  }

  private async take(session: Session, claims: readonly Claim[]): Promise<void> {
    if (claims.length > 0) this.settleClaims(session, claims, await this.options.table.takeOver(session, claims));
  }

  private async renew(session: Session, claims: readonly Claim[]): Promise<void> {
    if (claims.length > 0) this.settleClaims(session, claims, await this.options.table.renew(session, claims));
  }

  private settleClaims(session: Session, claims: readonly Claim[], rows: readonly OffsetRow[]): void {
    const byKey = new Map(rows.map((it) => [keyOf(it.topic, it.partition), it]));
    for (const claim of claims) {
      const row = byKey.get(keyOf(claim.topic, claim.partition));
      claim.session = row && session;
      claim.fencedAt = row ? undefined : performance.now();
      if (!row) continue;
      claim.epoch = row.epoch;
      claim.next = row.next;
    }
  }

  private lostError(claims: readonly Claim[]): RetriableError | undefined {
    const lost = claims.filter((it) => it.fencedAt !== undefined).map((it) => `${it.topic}-${it.partition}`);
    if (lost.length === 0) return undefined;
    return new RetriableError(`Another task has taken ${lost.join(', ')}: nothing of these records was stored by this one`, { retryAfterMs: this.options.retryDelayMs });
  }

  private noteDropped(claim: Claim, record: SinkRecord): void {
    if (claim.isDropping) return;
    claim.isDropping = true;
    const { topic, partition, next } = claim;
    this.options.logger.info({ topic, partition, offset: record.originalKafkaOffset, next }, 'Records that are stored already are dropped; if the topic was made anew, reset the connector\'s offsets');
  }
}

const NONE: ReadonlySet<Claim> = new Set();

function claimsOf(touched: ReadonlyMap<string, ReadonlyMap<number, Claim>>): Claim[] {
  return [...touched.values()].flatMap((it) => [...it.values()]);
}

function keyOf(topic: string, partition: number): string {
  return `${partition} ${topic}`;
}
