import type { SinkSettings } from '../config/sink-settings.js';
import type { PreparedCall } from '../connection/script.js';
import type { Session } from '../connection/session.js';
import { fieldBounds, unescapeField } from '../rows/copy-buffer.js';
import type { Segment } from '../rows/table-batch.js';
import type { PutBatch } from './put-batch.js';
import { type SegmentSql, segmentSql } from './statements.js';

/** Up to this many rows go as prepared statements, more through COPY: where both take the same time. */
const SINGLE_ROWS_MAX = 32;

/** A statement of one row, and the columns that its parameters are. */
export interface RowCall extends PreparedCall {
  readonly columns: readonly string[];
}

/** Writes batches: each one transaction and, once its statements are known, one round trip. */
export class BatchWriter {
  private readonly names = new Map<string, string>();
  private readonly sql = new WeakMap<Segment['columns'], Map<string, SegmentSql>>();

  constructor(private readonly settings: SinkSettings) {}

  async write(session: Session, batch: PutBatch): Promise<void> {
    let rows = 0;
    for (const table of batch.tables.values()) for (const segment of table.parts()) rows += batch.store.live(segment).length;
    if (rows <= SINGLE_ROWS_MAX) await this.writeSingly(session, batch);
    else await this.writeInBulk(session, batch);
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
    let probes = 0;
    for (const table of batch.tables.values()) {
      for (const segment of table.parts()) {
        const { stageDefinition, copyColumns } = this.segmentSql(segment);
        const probe = `pg_temp.millrace_probe_${probes++}`;
        await session.bulk([`CREATE TEMPORARY TABLE ${probe} (${stageDefinition})`, `COPY ${probe} (${copyColumns}) FROM STDIN`], [batch.store.copyData(batch.store.live(segment))]);
      }
    }
  }

  private async writeSingly(session: Session, batch: PutBatch): Promise<void> {
    const calls = this.calls(batch);
    if (calls.length === 0) return;
    const { error } = await session.pipeline(calls);
    if (error !== undefined) throw error;
  }

  private async writeInBulk(session: Session, batch: PutBatch): Promise<void> {
    const statements: string[] = [];
    const copies: Uint8Array[] = [];
    const turns = new Map<string, number>();
    for (const table of batch.tables.values()) {
      if (table.truncate) statements.push(`TRUNCATE ${table.table.sqlName}`);
      for (const segment of table.parts()) {
        const rows = batch.store.live(segment);
        if (rows.length === 0) continue;
        const sql = this.segmentSql(segment);
        copies.push(batch.store.copyData(rows));
        if (sql.direct !== undefined) {
          statements.push(sql.direct);
          continue;
        }
        const turn = turns.get(sql.stageDefinition) ?? 0;
        turns.set(sql.stageDefinition, turn + 1);
        const stage = await session.stage(sql.stageDefinition, turn);
        statements.push(`COPY ${stage} (${sql.copyColumns}) FROM STDIN`, ...sql.merge(stage));
      }
    }
    await session.bulk(statements, copies);
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
