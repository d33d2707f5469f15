import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { ConcurrentWriters } from './concurrent-writers.js';
import { Flow, waitFor } from './flow.js';
import { SeededRandom } from '../doubles/seeded-random.js';
import { tableChecksum } from './tables-verdict.js';
import { judgeTopic, type TopicVerdict } from './topic-verdict.js';
import type { DatabaseServer } from './database-server.js';

export interface NothingLostOptions {
  readonly folder: string;
  readonly postgres: DatabaseServer;
  readonly changes: number;
  readonly changesPerSecond: number;
  readonly kills: number;
  /** PostgreSQL is among what is ended and started again. */
  readonly withPostgres: boolean;
  readonly seed: number;
  readonly say: (line: string) => void;
  readonly bootstrap?: string;
  readonly restUrl?: string;
  /** Further processes to end and start again, by their name. */
  readonly victims?: Readonly<Record<string, () => Promise<void>>>;
  /** How long the sink may take to be equal after the last change. */
  readonly settleMs?: number;
}

export interface NothingLostResult {
  readonly source: { rows: number; checksum: string };
  readonly sink: { rows: number; checksum: string };
  readonly topic: TopicVerdict;
}

const TABLE = 'accounts';

/** Concurrent writers in the source while processes are killed at random and started again; then everything is compared. */
export async function nothingLost(options: NothingLostOptions): Promise<NothingLostResult> {
  const { postgres, seed, say } = options;
  const [sourceDatabase, sinkDatabase] = [`lost${seed}`, `lost${seed}_to`];
  await makeDatabases(postgres, sourceDatabase, sinkDatabase);
  const flow = await Flow.start({ ...options, sourceDatabase, sinkDatabase, table: TABLE });
  try {
    await flow.createConnectors();
    await flow.waitUntilRunning();
    // RUNNING says that the task was started; what is inserted and deleted again before its slot exists is rightly never seen.
    await waitFor('the replication slot streams', 60_000, () => isSlotActive(postgres, sourceDatabase));
    const writers = new ConcurrentWriters({ postgres, database: sourceDatabase, table: TABLE, writers: 8, changes: options.changes, changesPerSecond: options.changesPerSecond, seed });
    await Promise.all([writers.run(), disturb(flow, options, writers)]);
    say(`${writers.changesMade} changes made, ${writers.histories.size} keys`);
    const source = await tableChecksum(postgres, sourceDatabase, TABLE);
    let sink = { rows: -1, checksum: '' };
    await waitFor('the sink has what the source has', options.settleMs ?? 300_000, async () => {
      sink = await tableChecksum(postgres, sinkDatabase, TABLE).catch(() => sink);
      for (const name of ['flow-source', 'flow-sink']) {
        const state = await flow.state(name);
        if (state?.state === 'FAILED') throw new Error(`${name} failed: ${state.trace}`);
      }
      await delay(200);
      return sink.checksum === source.checksum && sink.rows === source.rows;
    }).catch((error: unknown) => say(String(error)));
    const topic = await judgeTopic(flow.bootstrap, flow.topic, writers.histories);
    say(`source ${source.rows} rows ${source.checksum}; sink ${sink.rows} rows ${sink.checksum}; topic ${topic.records} records, ${topic.repeats} repeats`);
    return { source, sink, topic };
  } finally {
    await flow.stop();
  }
}

async function disturb(flow: Flow, options: NothingLostOptions, writers: ConcurrentWriters): Promise<void> {
  const random = new SeededRandom(options.seed);
  // What somebody else runs is left alone.
  const victims = [...(options.bootstrap === undefined ? (['broker'] as const) : []), ...(options.restUrl === undefined ? (['worker'] as const) : []), ...(options.withPostgres ? (['postgres'] as const) : []), ...Object.keys(options.victims ?? {})];
  for (let i = 0; i < options.kills; i++) {
    // Spread over the whole load: the next one comes when its share of the changes is made, and a little later by chance.
    await waitFor('the load goes on', 600_000, async () => writers.changesMade >= ((i + 0.5) * options.changes) / (options.kills + 1));
    await delay(random.integer(500));
    const victim = random.pick(victims);
    options.say(`kill ${i + 1}: ${victim}`);
    const strike = options.victims?.[victim];
    if (strike) await strike();
    else if (victim === 'postgres') {
      const begun = performance.now();
      await options.postgres.restart();
      options.say(`PostgreSQL was away for ${Math.round(performance.now() - begun)} ms`);
    } else if (victim === 'broker') {
      await flow.killBroker();
      await delay(random.integer(1000));
      await flow.startBroker();
    } else {
      await flow.killWorker();
      await delay(random.integer(1000));
      await flow.startWorker();
    }
  }
}

async function isSlotActive(postgres: DatabaseServer, database: string): Promise<boolean> {
  const client = new Client(postgres.connection(database));
  await client.connect();
  const { rowCount } = await client.query('select 1 from pg_replication_slots where database = $1 and active', [database]);
  await client.end();
  return rowCount === 1;
}

async function makeDatabases(postgres: DatabaseServer, source: string, sink: string): Promise<void> {
  const root = new Client(postgres.connection());
  await root.connect();
  await root.query(`create database ${source}`);
  await root.query(`create database ${sink}`);
  await root.end();
  const client = new Client(postgres.connection(source));
  await client.connect();
  await client.query(ConcurrentWriters.tableSql(TABLE));
  await client.end();
}
