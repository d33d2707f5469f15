import { DataError, type SinkRecord } from '@millrace/connect-api';
import { errorCode, errorDetail } from '../connection/error-code.js';
import type { Session } from '../connection/session.js';
import { failureKind } from '../connection/sql-state.js';
import type { RowCall } from './batch-writer.js';

/** Statements between two savepoints: what is done again for one bad row. */
const CHUNK = 64;
const SAVEPOINT = 'millrace_chunk';

/** A record and the statements that it alone stands for. */
export interface RecordCalls {
  readonly record: SinkRecord;
  readonly calls: readonly RowCall[];
}

/**
 * Applies records one statement after the other, in their order, in one transaction. A pipeline stops at the first statement that fails, so the bad row
 * is known at once: its chunk is rolled back to the savepoint and applied again up to it, the row is reported, and the rest goes on.
 * Good rows land; the transaction is only committed when each bad one has been reported. Throws what `report` throws, with nothing landed.
 */
export async function applyOneByOne(session: Session, records: readonly RecordCalls[], report: (record: SinkRecord, error: Error) => Promise<void>): Promise<void> {
  await session.query('BEGIN');
  try {
    let start = 0;
    while (start < records.length) start = await applyChunk(session, records, start, report);
    await session.query('COMMIT');
  } catch (error) {
    if (!session.isLost) await session.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

/** Where to go on. */
async function applyChunk(session: Session, records: readonly RecordCalls[], start: number, report: (record: SinkRecord, error: Error) => Promise<void>): Promise<number> {
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
  const again = chunk.slice(0, bad).flatMap((it) => it.calls);
  if (again.length > 0) {
    const second = await session.pipeline(again);
    if (second.error !== undefined) throw second.error;
  }
  const { record } = chunk[bad]!;
  await report(record, describeRowError(record, error, calls[completed]));
  await session.query(`RELEASE SAVEPOINT ${SAVEPOINT}`);
  return start + bad + 1;
}

/** A server's error with the place of the record and, where the server tells it, the column. */
function describeRowError(record: SinkRecord, error: unknown, call: RowCall | undefined): DataError {
  const { column, where, constraint } = errorDetail(error);
  const parameter = /parameter \$(\d+)/.exec(where ?? '');
  const name = column ?? (parameter ? call?.columns[Number(parameter[1]) - 1] : undefined);
  const parts = [name === undefined ? undefined : `column ${name}`, constraint === undefined ? undefined : `constraint ${constraint}`, `SQLSTATE ${errorCode(error) ?? '?'}`].filter((it) => it !== undefined);
  return recordError(record, new Error(`${error instanceof Error ? error.message : String(error)} (${parts.join(', ')})`, { cause: error }));
}

/** An error of a record, with where the record is. */
export function recordError(record: SinkRecord, error: unknown): DataError {
  const message = error instanceof Error ? error.message : String(error);
  return new DataError(`Record ${record.topic}-${record.partition}@${record.kafkaOffset}: ${message}`, { cause: error });
}
