import type { Headers, OffsetMap, SourceRecord } from '@millrace/connect-api';
import type { SourceSettings } from '../config/source-settings.js';
import { connect } from '../connection/connect.js';
import type { SqlSession } from '../connection/sql-session.js';
import { commitOffset, type StoredPosition } from '../rows/position.js';
import type { SourceBlock } from '../rows/source-block.js';
import type { TablePlan } from '../tables/table-plan.js';
import type { TablePlanner } from '../tables/table-planner.js';
import type { Lsn } from '../wire/lsn.js';
import { Change, readRelation, type Relation } from '../wire/pgoutput.js';
import { ChangeDecoder } from './change-decoder.js';
import { ReplicationStream } from './replication-stream.js';
import { TransactionLedger } from './transaction-ledger.js';

export interface ChangeStreamStart {
  readonly settings: SourceSettings;
  readonly planner: TablePlanner;
  readonly source: SourceBlock;
  readonly partition: OffsetMap;
  readonly headers: Headers;
  readonly signal: AbortSignal;
  /** Where the log has everything up to; undefined: the server's own position. */
  readonly stored: StoredPosition | undefined;
  readonly startLsn: Lsn;
  readonly durable: Lsn;
  /** For questions about tables; the stream takes it over. */
  readonly catalog: SqlSession;
}

/** A running stream of changes: the connection, the decoder of its messages, and a session for questions about the tables that appear. */
export class ChangeStream {
  private readonly relations = new Map<number, Relation>();
  private readonly keys = new Map<string, readonly string[]>();

  private constructor(
    private readonly start: ChangeStreamStart,
    private readonly stream: ReplicationStream,
    private readonly decoder: ChangeDecoder,
    private catalog: SqlSession,
  ) {}

  static async open(start: ChangeStreamStart): Promise<ChangeStream> {
    const { settings, stored, startLsn, durable, signal, catalog, partition } = start;
    const [server] = await catalog.query<{ version: number; timeout: number }>(
      "select current_setting('server_version_num')::int as version, (extract(epoch from current_setting('wal_sender_timeout')::interval) * 1000)::int as timeout",
    );
    const stream = await ReplicationStream.start({ settings, lsn: startLsn, serverVersion: server?.version ?? 0, walSenderTimeoutMs: server?.timeout ?? 0, durable, signal });
    const { values } = settings;
    const ledger = values['provide.transaction.metadata'] ? new TransactionLedger([values['topic.prefix'], values['topic.transaction']].join(values['topic.delimiter']), partition) : undefined;
    const decoder = new ChangeDecoder({ settings, source: start.source, partition, headers: start.headers, stored, ledger });
    return new ChangeStream(start, stream, decoder, catalog);
  }

  /** Makes records of what has come, at most about so many. Throws when the connection is lost, once everything that came has been read. */
  async read(recordsMax: number, out: SourceRecord[]): Promise<void> {
    const { stream, decoder } = this;
    decoder.tick();
    while (out.length < recordsMax && stream.next()) {
      if (stream.bytes[stream.at] === Change.relation) {
        await this.describe(readRelation(stream.bytes, stream.at));
        continue;
      }
      const oid = decoder.decode(stream.bytes, stream.at, stream.lsn, out);
      if (oid !== 0) await this.readTypesAgain(oid, out);
    }
  }

  wait(timeoutMs: number): Promise<void> {
    return this.stream.wait(timeoutMs, this.start.signal);
  }

  confirm(lsn: Lsn): void {
    this.stream.confirm(lsn);
  }

  get confirmedLsn(): Lsn {
    return this.stream.confirmedLsn;
  }

  position(): StoredPosition | undefined {
    return this.decoder.position();
  }

  /** Up to where the server has told everything there is for us: the last commit, or the end of a quiet stretch of its log. Zero inside a transaction. */
  quietLsn(): Lsn {
    return this.decoder.isInTransaction ? 0 : Math.max(this.decoder.commitLsn ?? 0, this.stream.serverLsn);
  }

  /** The offset that says so. Later offsets do not fall behind it, since the slot may be moved there. */
  moveTo(quietLsn: Lsn): OffsetMap {
    this.decoder.commitLsn = quietLsn;
    return commitOffset(quietLsn, this.decoder.committedXid, this.decoder.lastCommitMicros);
  }

  /** An SQL statement of the user, with a heartbeat. */
  async act(sql: string): Promise<void> {
    await (await this.session()).run(sql);
  }

  async close(): Promise<void> {
    this.stream.close();
    await this.catalog.end().catch(() => undefined);
  }

  private async describe(relation: Relation): Promise<void> {
    const { settings, planner } = this.start;
    this.relations.set(relation.oid, relation);
    if (!settings.filter.includesTable(relation.schema, relation.table)) return this.decoder.setPlan(relation.oid, null);
    const name = `${relation.schema}.${relation.table}`;
    const plan = await planner.fromRelation(await this.session(), relation, this.keys.get(name));
    this.keys.set(name, keyNames(plan));
    this.decoder.setPlan(relation.oid, plan);
  }

  /** The change at hand holds an enum label that came after its type was read. */
  private async readTypesAgain(oid: number, out: SourceRecord[]): Promise<void> {
    const { stream, decoder } = this;
    const relation = this.relations.get(oid);
    this.start.planner.forgetTypes();
    if (relation) await this.describe(relation);
    // A label that has gone again since is not asked for twice.
    if (decoder.decode(stream.bytes, stream.at, stream.lsn, out) !== 0) {
      decoder.acceptLabels(oid);
      decoder.decode(stream.bytes, stream.at, stream.lsn, out);
    }
  }

  private async session(): Promise<SqlSession> {
    if (this.catalog.isLost) this.catalog = await connect(this.start.settings);
    return this.catalog;
  }
}

function keyNames(plan: TablePlan): string[] {
  return plan.keySchema?.fields.map((it) => it.name) ?? [];
}
