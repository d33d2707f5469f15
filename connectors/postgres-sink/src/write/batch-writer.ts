import type { SinkSettings } from '../config/sink-settings.js';
import type { PreparedCall, Session } from '../connection/session.js';
import { fieldBounds, unescapeField } from '../rows/copy-buffer.js';
import type { Segment } from '../rows/table-batch.js';
import type { PutBatch } from './put-batch.js';
import { BulkTransaction } from './bulk-transaction.js';
import { type SegmentSql, segmentSql } from './statements.js';

/** Up to this many rows go as prepared statements, more through COPY: where both take the same time. */
const SINGLE_ROWS_MAX = 32;

/** A statement of one row, and the columns that its parameters are. */
export interface RowCall extends PreparedCall {
  readonly columns: readonly string[];
}

/** Writes batches, by prepared statements or through COPY. */
export class BatchWriter {
  private readonly names = new Map<string, string>();
  private readonly sql = new WeakMap<Segment['columns'], Map<string, SegmentSql>>();

  constructor(private readonly settings: SinkSettings) {}

  /** Whether so many rows are better written one statement each. */
  prefersSingle(rows: number): boolean {
    return rows <= SINGLE_ROWS_MAX;
  }

  /** One transaction, in one round trip; `last` is its last statement. */
  async writeSingly(session: Session, batch: PutBatch, last?: PreparedCall): Promise<void> {
    const calls: PreparedCall[] = this.calls(batch);
    if (last) calls.push(last);
    if (calls.length === 0) return;
    const { error } = await session.pipeline(calls);
    if (error !== undefined) throw error;
  }

  /** A transaction that takes batches, one after the other. */
  begin(session: Session): BulkTransaction {
    return new BulkTransaction(session, (segment) => this.segmentSql(segment));
  }

  /** The batch as one statement a row, in the order in which they must be applied. */
  calls(batch: PutBatch): RowCall[] {
    const calls: RowCall[] = [];
    for (const table of batch.tables.values()) {
      if (table.truncate) calls.push({ ...this.named(`TRUNCATE ${table.table.sqlName}`), parameters: [], columns: [] });
      for (const segment of table.parts()) {
        const statement = this.named(this.segmentSql(segment).single);
        const columns = segment.columns.map((it) => it.name);
        for (const row of batch.store.live(segment)) calls.push({ ...statement, columns, parameters: parametersOf(batch, row) });
      }
    }
    return calls;
  }

  /** Copies the batch's rows into tables like their own, to be rolled back by the caller. */
  async copyToProbe(session: Session, batch: PutBatch): Promise<void> {
    const script = session.start();
    let probes = 0;
    for (const table of batch.tables.values()) {
      for (const segment of table.parts()) {
        const { stageDefinition, copyColumns } = this.segmentSql(segment);
        const probe = `pg_temp.millrace_probe_${probes++}`;
        script.run(`CREATE TEMPORARY TABLE ${probe} (${stageDefinition})`);
        script.copy(`COPY ${probe} (${copyColumns}) FROM STDIN`, batch.store.copyData(batch.store.live(segment)));
      }
    }
    script.end();
    await script.done;
  }

  private segmentSql(segment: Segment): SegmentSql {
    let known = this.sql.get(segment.columns);
    if (!known) {
      known = new Map();
      this.sql.set(segment.columns, known);
    }
    const id = `${segment.kind} ${segment.partial} ${segment.keyCount} ${segment.table.sqlName}`;
    let sql = known.get(id);
    if (!sql) {
      sql = segmentSql(segment, this.settings.insertMode);
      known.set(id, sql);
    }
    return sql;
  }

  private named(sql: string): { name: string; sql: string } {
    let name = this.names.get(sql);
    if (name === undefined) {
      name = String(this.names.size);
      this.names.set(sql, name);
    }
    return { name, sql };
  }
}

function parametersOf(batch: PutBatch, row: number): (Uint8Array | null)[] {
  const { bytes } = batch.store.buffer;
  const [start, end] = batch.store.bounds(row);
  const bounds = fieldBounds(bytes, start, end);
  return bounds.slice(0, -1).map((from, i) => unescapeField(bytes, from, bounds[i + 1]! - 1));
}
