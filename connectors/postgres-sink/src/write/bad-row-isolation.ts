import { DataError, type SinkRecord } from '@millrace/connect-api';
import { errorCode, errorDetail } from '../connection/error-code.js';
import type { PreparedCall, Session } from '../connection/session.js';
import { failureKind } from '../connection/sql-state.js';
import type { RowCall } from './batch-writer.js';

/** Statements between two savepoints: what is done again for one bad row. */
const CHUNK = 64;
const SAVEPOINT = 'millrace_chunk';
/** Before the first row. */
const BEGINNING = 'millrace_put';

/** A record and the statements that it alone stands for. */
export interface RecordCalls {
  readonly record: SinkRecord;
  readonly calls: readonly RowCall[];
}

/** Who is told of a bad row, and who knows how to ask the server for its column. */
export interface BadRowListener {
  report(record: SinkRecord, error: Error): Promise<void>;
  /** Copies the record's rows into tables that are rolled back; rejects with the server's error if it refuses them there. */
  copyToProbe(session: Session, record: SinkRecord): Promise<void>;
  /** Throws when the records may be another task's by now; asked right before the COMMIT. */
  expectOwnership(): void;
}

/**
 * Applies records one statement after the other, in their order, in one transaction. A pipeline stops at the first statement that fails, so the bad row
 * is known at once: its chunk is rolled back to the savepoint and applied again up to it, the row is reported, and the rest goes on.
 * Good rows land; the transaction is only committed when each bad one has been reported. `last` is its last statement. Throws what `report` throws, with nothing landed.
 */
export async function applyOneByOne(session: Session, records: readonly RecordCalls[], listener: BadRowListener, last?: PreparedCall): Promise<void> {
  await session.query(`BEGIN; SAVEPOINT ${BEGINNING}`);
  try {
    const reported = new Set<SinkRecord>();
    const report = async (record: SinkRecord, error: Error): Promise<void> => {
      await listener.report(record, error);
      reported.add(record);
    };
    await applyChunks(session, records, { ...listener, report });
    if (await deferredFault(session)) await leaveOutDeferredFaults(session, records.filter((it) => !reported.has(it.record)), listener);
    if (last) await runLast(session, last);
    listener.expectOwnership();
    await session.query('COMMIT');
  } catch (error) {
    if (!session.isLost) await session.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

async function runLast(session: Session, last: PreparedCall): Promise<void> {
  const { error } = await session.pipeline([last]);
  if (error !== undefined) throw error;
}

async function applyChunks(session: Session, records: readonly RecordCalls[], listener: BadRowListener): Promise<void> {
  let start = 0;
  while (start < records.length) start = await applyChunk(session, records, start, listener);
}

/** What the COMMIT would refuse. */
async function deferredFault(session: Session): Promise<unknown> {
  try {
    await session.query('SET CONSTRAINTS ALL IMMEDIATE');
    return undefined;
  } catch (error) {
    if (failureKind(error) !== 'data') throw error;
    return error;
  }
}

/**
 * Constraints that are deferred to the COMMIT do not tell the row. Those rows are suspects that break one where it is checked at once; of these some may
 * only have come before what they refer to, so the others are found by bisection. Leaves all the good rows applied, in their order.
 */
async function leaveOutDeferredFaults(session: Session, records: readonly RecordCalls[], listener: BadRowListener): Promise<void> {
  const suspects = new Map<SinkRecord, Error>();
  await session.query(`ROLLBACK TO SAVEPOINT ${BEGINNING}; SET CONSTRAINTS ALL IMMEDIATE`);
  await applyChunks(session, records, { ...listener, report: (record, error) => Promise.resolve(void suspects.set(record, error)) });
  let bad = new Set(suspects.keys());
  const isGoodWithout = async (left: ReadonlySet<SinkRecord>): Promise<boolean> => {
    await session.query(`ROLLBACK TO SAVEPOINT ${BEGINNING}`);
    const { error } = await session.pipeline(records.filter((it) => !left.has(it.record)).flatMap((it) => it.calls));
    if (error !== undefined && failureKind(error) !== 'data') throw error;
    return error === undefined && (await deferredFault(session)) === undefined;
  };
  const rescue = async (group: readonly SinkRecord[]): Promise<void> => {
    const left = new Set([...bad].filter((it) => !group.includes(it)));
    if (await isGoodWithout(left)) {
      bad = left;
    } else if (group.length > 1) {
      const half = group.length >> 1;
      await rescue(group.slice(0, half));
      await rescue(group.slice(half));
    }
  };
  // What was rescued may be what others refer to.
  for (let before = Infinity; bad.size < before; ) {
    before = bad.size;
    await rescue([...bad]);
  }
  if (!(await isGoodWithout(bad))) throw new DataError('The rows break a constraint together, and none of them does so alone');
  for (const record of bad) await listener.report(record, suspects.get(record)!);
}

/** Where to go on. */
async function applyChunk(session: Session, records: readonly RecordCalls[], start: number, listener: BadRowListener): Promise<number> {
  const chunk = records.slice(start, start + CHUNK);
  const calls = chunk.flatMap((it) => it.calls);
  await session.query(`SAVEPOINT ${SAVEPOINT}`);
  const { completed, error } = await session.pipeline(calls);
  if (error === undefined) {
    await session.query(`RELEASE SAVEPOINT ${SAVEPOINT}`);
    return start + chunk.length;
  }
  if (failureKind(error) !== 'data') throw error;
  let bad = 0;
  let passed = chunk[0]?.calls.length ?? 0;
  while (passed <= completed && bad < chunk.length - 1) passed += chunk[++bad]?.calls.length ?? 0;
  await session.query(`ROLLBACK TO SAVEPOINT ${SAVEPOINT}`);
  const { record } = chunk[bad]!;
  const column = columnOf(error, calls[completed]) ?? (await copiedColumn(session, record, listener));
  const again = chunk.slice(0, bad).flatMap((it) => it.calls);
  if (again.length > 0) {
    const second = await session.pipeline(again);
    if (second.error !== undefined) throw second.error;
  }
  await listener.report(record, describeRowError(record, error, column));
  await session.query(`RELEASE SAVEPOINT ${SAVEPOINT}`);
  return start + bad + 1;
}

/** The column that the server names, or whose parameter it could not read. */
function columnOf(error: unknown, call: RowCall | undefined): string | undefined {
  const { column, where } = errorDetail(error);
  const parameter = /parameter \$(\d+)/.exec(where ?? '');
  return column ?? (parameter ? call?.columns[Number(parameter[1]) - 1] : undefined);
}

/** A statement does not tell which value was too long or too large for its column; COPY does. */
async function copiedColumn(session: Session, record: SinkRecord, listener: BadRowListener): Promise<string | undefined> {
  try {
    await listener.copyToProbe(session, record);
    return undefined;
  } catch (error) {
    if (failureKind(error) !== 'data') throw error;
    return /^COPY .*?, line \d+, column (.*?)(?::|$)/m.exec(errorDetail(error).where ?? '')?.[1];
  } finally {
    if (!session.isLost) await session.query(`ROLLBACK TO SAVEPOINT ${SAVEPOINT}`);
  }
}

function describeRowError(record: SinkRecord, error: unknown, column: string | undefined): DataError {
  const { constraint } = errorDetail(error);
  const parts = [column === undefined ? undefined : `column ${column}`, constraint === undefined ? undefined : `constraint ${constraint}`, `SQLSTATE ${errorCode(error) ?? '?'}`].filter((it) => it !== undefined);
  return recordError(record, new Error(`${error instanceof Error ? error.message : String(error)} (${parts.join(', ')})`, { cause: error }));
}

/** An error of a record, with where the record is. */
export function recordError(record: SinkRecord, error: unknown): DataError {
  const message = error instanceof Error ? error.message : String(error);
  return new DataError(`Record ${record.topic}-${record.partition}@${record.kafkaOffset}: ${message}`, { cause: error });
}
