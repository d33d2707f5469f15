import { Client } from 'pg';
import { ConcurrentWriters } from '../flow/concurrent-writers.js';
import type { DatabaseServer } from '../flow/database-server.js';
import { waitFor } from '../flow/flow.js';
import { tableChecksum } from '../flow/tables-verdict.js';
import { judgeTopic } from '../flow/topic-verdict.js';
import { JSON_SETTINGS, type Workload, type WorkloadConnector, type WorkloadVerdict } from './workload.js';

const TABLE = 'accounts';

export interface TableWorkloadOptions {
  readonly name: string;
  readonly postgres: DatabaseServer;
  readonly bootstrap: string;
  readonly sinkTasks: number;
  readonly changesPerSecond: number;
  readonly seed: number;
}

/** Changes of a table in one database, captured, and upserted into another. */
export class TableWorkload implements Workload {
  readonly connectors: readonly WorkloadConnector[];
  private readonly writers: ConcurrentWriters;

  constructor(private readonly options: TableWorkloadOptions) {
    const { postgres, seed, changesPerSecond } = options;
    this.writers = new ConcurrentWriters({ postgres, database: this.sourceDatabase, table: TABLE, writers: 4, changes: Number.MAX_SAFE_INTEGER, changesPerSecond, seed });
    this.connectors = [
      { name: `${this.name}-source`, config: this.sourceConfig(), tasks: 1 },
      { name: `${this.name}-sink`, config: this.sinkConfig(), tasks: options.sinkTasks },
    ];
  }

  get name(): string {
    return this.options.name;
  }

  private get sourceDatabase(): string {
    return `${this.name}_source`;
  }

  private get sinkDatabase(): string {
    return `${this.name}_sink`;
  }

  private get topic(): string {
    return `${this.name}.public.${TABLE}`;
  }

  async prepare(): Promise<void> {
    await this.query(undefined, `create database ${this.sourceDatabase}`);
    await this.query(undefined, `create database ${this.sinkDatabase}`);
    await this.query(this.sourceDatabase, ConcurrentWriters.tableSql(TABLE));
  }

  async ready(): Promise<void> {
    await waitFor(`${this.name}: the replication slot streams`, 90_000, async () => {
      const rows = await this.query(this.sourceDatabase, 'select 1 from pg_replication_slots where database = current_database() and active');
      return rows.length === 1;
    });
  }

  async write(signal: AbortSignal): Promise<void> {
    await this.writers.run(signal);
  }

  async strike(): Promise<void> {
    await this.options.postgres.restart();
  }

  async verdict(settleMs: number): Promise<WorkloadVerdict> {
    const { postgres, bootstrap } = this.options;
    const source = await tableChecksum(postgres, this.sourceDatabase, TABLE);
    let sink = { rows: -1, checksum: '' };
    const problems: string[] = [];
    await waitFor(`${this.name}: the sink has what the source has`, settleMs, async () => {
      sink = await tableChecksum(postgres, this.sinkDatabase, TABLE).catch(() => sink);
      return sink.checksum === source.checksum && sink.rows === source.rows;
    }).catch(() => problems.push(`${this.name}: source has ${source.rows} rows ${source.checksum}, sink ${sink.rows} rows ${sink.checksum}`));
    const topic = await judgeTopic(bootstrap, this.topic, this.writers.histories);
    problems.push(...topic.problems.map((it) => `${this.name}: ${it}`));
    return { problems, figures: { changes: this.writers.changesMade, rows: source.rows, records: topic.records, repeats: topic.repeats } };
  }

  async close(): Promise<void> {}

  private sourceConfig(): Record<string, string> {
    const { postgres, sinkTasks } = this.options;
    return {
      'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
      'plugin.name': 'pgoutput',
      'tasks.max': '1',
      'database.hostname': postgres.host,
      'database.port': String(postgres.port),
      'database.user': postgres.user,
      'database.password': 'postgres',
      'database.dbname': this.sourceDatabase,
      'topic.prefix': this.name,
      'table.include.list': `public.${TABLE}`,
      'slot.name': this.name,
      'publication.name': this.name,
      'publication.autocreate.mode': 'filtered',
      'slot.max.retries': '60',
      'slot.retry.delay.ms': '500',
      'retriable.restart.connector.wait.ms': '500',
      'topic.creation.default.partitions': String(sinkTasks),
      'topic.creation.default.replication.factor': '-1',
      ...JSON_SETTINGS,
    };
  }

  private sinkConfig(): Record<string, string> {
    const { postgres, sinkTasks } = this.options;
    return {
      'connector.class': 'io.debezium.connector.jdbc.JdbcSinkConnector',
      'tasks.max': String(sinkTasks),
      topics: this.topic,
      'connection.url': `jdbc:postgresql://${postgres.host}:${postgres.port}/${this.sinkDatabase}`,
      'connection.username': postgres.user,
      'connection.password': 'postgres',
      'insert.mode': 'upsert',
      'delete.enabled': 'true',
      'primary.key.mode': 'record_key',
      'schema.evolution': 'basic',
      'collection.name.format': TABLE,
      ...JSON_SETTINGS,
    };
  }

  private async query(database: string | undefined, sql: string): Promise<readonly unknown[]> {
    const client = new Client(this.options.postgres.connection(database));
    await client.connect();
    try {
      return (await client.query(sql)).rows as unknown[];
    } finally {
      await client.end();
    }
  }
}
