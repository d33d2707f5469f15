import type { Script } from '../connection/script.js';
import type { PreparedCall, Session } from '../connection/session.js';
import type { Segment } from '../rows/table-batch.js';
import type { PutBatch } from './put-batch.js';
import type { SegmentSql } from './statements.js';

/**
 * A transaction that takes batches through COPY, one behind the other. Nothing is waited for but the commit: the server takes the rows of one batch while
 * the next is being made.
 */
export class BulkTransaction {
  private readonly script: Script;
  /** How often staging tables with the same columns were used. */
  private readonly turns = new Map<string, number>();
  private readonly madeStages: string[] = [];

  constructor(
    private readonly session: Session,
    private readonly sqlOf: (segment: Segment) => SegmentSql,
  ) {
    this.script = session.start();
    this.script.run('BEGIN');
  }

  get hasFailed(): boolean {
    return this.script.hasFailed;
  }

  /** The batch's buffer may be used again at once. */
  add(batch: PutBatch): void {
    for (const table of batch.tables.values()) {
      if (table.truncate) this.script.run(`TRUNCATE ${table.table.sqlName}`);
      for (const segment of table.parts()) {
        const rows = batch.store.live(segment);
        if (rows.length > 0) this.addSegment(segment, batch.store.copyData(rows));
      }
    }
  }

  /** `last` is the statement before the COMMIT. */
  async commit(last?: PreparedCall): Promise<void> {
    if (last) this.session.addCall(this.script, last);
    this.script.run('COMMIT');
    this.script.end();
    try {
      await this.script.done;
    } catch (error) {
      await this.leave();
      throw error;
    }
  }

  async rollback(): Promise<void> {
    this.script.end();
    await this.script.done.catch(() => undefined);
    await this.leave();
  }

  private addSegment(segment: Segment, rows: Uint8Array): void {
    const sql = this.sqlOf(segment);
    if (sql.direct !== undefined) {
      this.script.copy(sql.direct, rows);
      return;
    }
    const turn = this.turns.get(sql.stageDefinition) ?? 0;
    this.turns.set(sql.stageDefinition, turn + 1);
    const stage = this.session.stage(sql.stageDefinition, turn);
    if (stage.make.length > 0) this.madeStages.push(stage.key);
    for (const statement of stage.make) this.script.run(statement);
    this.script.copy(`COPY ${stage.name} (${sql.copyColumns}) FROM STDIN`, rows);
    for (const statement of sql.merge(stage.name)) this.script.run(statement);
  }

  private async leave(): Promise<void> {
    for (const key of this.madeStages) this.session.forgetStage(key);
    if (!this.session.isLost) await this.session.query('ROLLBACK').catch(() => undefined);
  }
}
