import type { TopicPartition } from '@millrace/connect-api';
import { errorCode } from '../connection/error-code.js';
import type { PreparedCall, Session } from '../connection/session.js';
import { quoteTable, type TableName } from '../naming/identifier.js';

/** What the table says of a partition, for the task that has just taken it. */
export interface OffsetRow {
  readonly topic: string;
  readonly partition: number;
  /** Null: nothing of the partition was ever stored. */
  readonly next: number | null;
  readonly epoch: string;
}

/** How far a partition gets with a transaction, and the epoch in which its task may write. */
export interface OffsetStep {
  readonly topic: string;
  readonly partition: number;
  readonly next: number;
  readonly epoch: string;
}

const FENCE = 'millrace_fence';
/** In the error of a transaction whose task has lost a partition; the server quotes it in any language. */
const FENCED = 'millrace: fenced';
/** Another task was faster: the table is there. */
const ALREADY_THERE = new Set(['42P07', '23505', '42710']);

/**
 * The table in the target database with the next offset of each partition. One row a partition: who takes it over raises its epoch, and a
 * transaction moves the offset only in the epoch of its task. The row is locked from there to the COMMIT, so of two tasks one waits for the other.
 */
export class OffsetTable {
  private readonly sqlName: string;

  constructor(
    table: TableName,
    private readonly connector: string,
    /** Tells this task's epochs from those of others. */
    private readonly owner: string,
  ) {
    this.sqlName = quoteTable(table);
  }

  /** Makes the table if it is not there: a user without the right to create tables may find it made. */
  async makeReady(session: Session): Promise<void> {
    const [found] = await session.query('SELECT to_regclass($1) IS NOT NULL AS found', [this.sqlName]);
    if (found?.['found'] !== true) {
      try {
        await session.query(
          `CREATE TABLE IF NOT EXISTS ${this.sqlName} (connector text, topic text, partition integer, next_offset bigint, epoch bigint NOT NULL, owner text NOT NULL, PRIMARY KEY (connector, topic, partition))`,
        );
      } catch (error) {
        if (!ALREADY_THERE.has(errorCode(error) ?? '')) throw error;
      }
    }
    await session.prepare(FENCE, this.fenceSql());
  }

  /** Takes partitions from whoever has them. Waits for a transaction of theirs that is about to commit; one that comes later is refused. */
  async takeOver(session: Session, partitions: readonly TopicPartition[]): Promise<OffsetRow[]> {
    const rows = await session.query(
      `INSERT INTO ${this.sqlName} AS o (connector, topic, partition, epoch, owner) SELECT $1, u.topic, u.partition, 1, $4 FROM unnest($2::text[], $3::integer[]) AS u (topic, partition) ORDER BY 2, 3
       ON CONFLICT (connector, topic, partition) DO UPDATE SET epoch = o.epoch + 1, owner = excluded.owner RETURNING topic, partition, next_offset::text AS next, epoch::text`,
      this.parameters(partitions),
    );
    return rows.map(offsetRow);
  }

  /** Begins a new epoch of the partitions that this task still has: a transaction of its own on a connection that was lost is refused from now on. */
  async renew(session: Session, partitions: readonly TopicPartition[]): Promise<OffsetRow[]> {
    const rows = await session.query(
      `UPDATE ${this.sqlName} AS o SET epoch = o.epoch + 1 FROM unnest($2::text[], $3::integer[]) AS u (topic, partition) WHERE o.connector = $1 AND o.topic = u.topic AND o.partition = u.partition AND o.owner = $4
       RETURNING o.topic, o.partition, o.next_offset::text AS next, o.epoch::text`,
      this.parameters(partitions),
    );
    return rows.map(offsetRow);
  }

  /** The statement that moves offsets; it belongs at the end of the transaction whose rows they count, and fails it if a partition is another task's. */
  step(steps: readonly OffsetStep[]): PreparedCall {
    const parameters = [arrayText(steps.map((it) => quoteItem(it.topic))), arrayText(steps.map((it) => String(it.partition))), arrayText(steps.map((it) => String(it.next))), arrayText(steps.map((it) => it.epoch)), this.connector];
    return { name: FENCE, sql: this.fenceSql(), parameters: parameters.map((it) => Buffer.from(it)) };
  }

  /** Sets offsets from outside (null: forgotten); whoever has the partitions loses them. */
  async alter(session: Session, offsets: readonly (TopicPartition & { readonly next: number | null })[]): Promise<void> {
    await this.makeReady(session);
    for (const { topic, partition, next } of offsets) {
      await session.query(
        `INSERT INTO ${this.sqlName} AS o (connector, topic, partition, next_offset, epoch, owner) VALUES ($1, $2, $3, $4, 1, '') ON CONFLICT (connector, topic, partition) DO UPDATE SET next_offset = excluded.next_offset, epoch = o.epoch + 1, owner = ''`,
        [this.connector, topic, partition, next],
      );
    }
  }

  private parameters(partitions: readonly TopicPartition[]): unknown[] {
    return [this.connector, partitions.map((it) => it.topic), partitions.map((it) => it.partition), this.owner];
  }

  /** Text that is no integer is the one error that plain SQL can raise at will; it is made of a subquery's answer, so that the planner does not raise it. */
  private fenceSql(): string {
    return `WITH step AS (SELECT * FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[]) AS u (topic, partition, next_offset, epoch)),
      moved AS (UPDATE ${this.sqlName} AS o SET next_offset = step.next_offset FROM step WHERE o.connector = $5::text AND o.topic = step.topic AND o.partition = step.partition AND o.epoch = step.epoch RETURNING 1)
      SELECT CASE WHEN (SELECT count(*) FROM moved) = (SELECT count(*) FROM step) THEN 0 ELSE ('${FENCED} ' || (SELECT count(*) FROM moved))::integer END`;
  }
}

/** Whether a transaction failed because another task has a partition that it was to write for. */
export function isFencedError(error: unknown): boolean {
  return errorCode(error) === '22P02' && error instanceof Error && error.message.includes(FENCED);
}

function offsetRow(row: Record<string, unknown>): OffsetRow {
  const next = row['next'];
  return { topic: String(row['topic']), partition: Number(row['partition']), next: next === null ? null : Number(next), epoch: String(row['epoch']) };
}

function arrayText(items: readonly string[]): string {
  return `{${items.join(',')}}`;
}

function quoteItem(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}
