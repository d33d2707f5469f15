import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { Admin, Producer } from '@millrace/client';
import { EmbeddedPostgres } from '@millrace/embedded-postgres';
import { connectorStatuses, freePort, isListening, MillraceProcess, putConnector, repositoryRoot, waitFor, WorkerPool, type PoolWorker } from '@millrace/testkit';

const SINK = 'once';
const TOPIC = 'numbers';
const PARTITIONS = 6;
const TASKS = 3;
const SESSION_MS = 6000;
const SCHEMA = '{"type":"struct","fields":[{"type":"int64","optional":false,"field":"n"}],"optional":false}';

let folder: string;
let postgres: EmbeddedPostgres;
let broker: MillraceProcess;
let bootstrap: string;
let pool: WorkerPool;

beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-once-'));
  fs.chmodSync(folder, 0o755);
  const port = await freePort();
  bootstrap = `127.0.0.1:${port}`;
  [postgres, broker] = await Promise.all([
    EmbeddedPostgres.start({ folder: path.join(folder, 'postgres') }),
    MillraceProcess.start({
      root: repositoryRoot(),
      app: 'broker',
      folder: path.join(folder, 'broker'),
      config: { 'node.id': '1', listeners: `PLAINTEXT://${bootstrap}`, 'log.dirs': path.join(folder, 'data'), 'offsets.topic.num.partitions': '4', 'group.initial.rebalance.delay.ms': '0' },
      isUp: () => isListening(port),
    }),
  ]);
  const settings = { 'scheduled.rebalance.max.delay.ms': '0', 'session.timeout.ms': String(SESSION_MS), 'heartbeat.interval.ms': '500', 'consumer.session.timeout.ms': String(SESSION_MS), 'task.restart.backoff.ms': '500', 'offset.flush.interval.ms': '300' };
  pool = new WorkerPool({ folder, bootstrap, groupId: 'once', settings });
}, 120_000);
afterAll(async () => {
  await pool?.stopAll();
  await broker?.stop();
  await postgres?.stop();
  fs.rmSync(folder, { recursive: true, force: true });
}, 90_000);

async function query<T>(sql: string): Promise<T[]> {
  const client = new Client(postgres.connection('postgres'));
  await client.connect();
  try {
    return (await client.query(sql)).rows as T[];
  } finally {
    await client.end();
  }
}

/** Numbers 0, 1, 2 … until the signal; resolves with how many there are. */
async function produce(signal: AbortSignal): Promise<number> {
  const producer = new Producer({ bootstrapServers: bootstrap });
  let n = 0;
  while (!signal.aborted) {
    const batch = Array.from({ length: 100 }, () => n++);
    await Promise.all(batch.map((it) => producer.send({ topic: TOPIC, partition: it % PARTITIONS, key: null, value: `{"schema":${SCHEMA},"payload":{"n":${it}}}` })));
    await delay(25, undefined, { signal }).catch(() => undefined);
  }
  await producer.close();
  return n;
}

const rows = async (): Promise<number> => Number((await query<{ count: string }>('select count(*) from numbers').catch(() => [{ count: '0' }]))[0]?.count);

async function untilRuns(): Promise<void> {
  await waitFor('three tasks run on workers that are there', 90_000, async () => {
    const [worker] = pool.awake;
    const tasks = worker && (await connectorStatuses(worker.url))?.get(SINK)?.tasks;
    const present = pool.awake.map((it) => it.id);
    return tasks?.length === TASKS && tasks.every((it) => it.state === 'RUNNING' && present.includes(it.worker_id));
  });
}

/** Until more has come than what was there. */
async function untilMore(): Promise<void> {
  const before = await rows();
  await waitFor('more rows come', 90_000, async () => (await rows()) > before + 500);
}

const first = (): PoolWorker => {
  const [worker] = pool.awake;
  if (!worker) throw new Error('no worker is awake');
  return worker;
};

it('a sink with exactly.once has each record once in its table, while its workers are killed, frozen beyond their session, ended and added', async () => {
  const admin = new Admin({ bootstrapServers: bootstrap });
  await admin.createTopics([{ name: TOPIC, partitions: PARTITIONS, replicationFactor: 1 }]);
  await admin.close();
  await Promise.all([pool.add(), pool.add()]);
  await putConnector(() => first().url, SINK, {
    'connector.class': 'io.debezium.connector.jdbc.JdbcSinkConnector',
    'tasks.max': String(TASKS),
    topics: TOPIC,
    'connection.url': `jdbc:postgresql://${postgres.host}:${postgres.port}/postgres`,
    'connection.username': postgres.user,
    'connection.password': 'unused',
    'insert.mode': 'insert',
    'primary.key.mode': 'none',
    'schema.evolution': 'basic',
    'collection.name.format': 'numbers',
    'exactly.once': 'true',
    'exactly.once.fenced.wait.ms': '20000',
  });
  await untilRuns();
  const stopping = new AbortController();
  const producing = produce(stopping.signal);
  await untilMore();

  await pool.kill(first());
  await untilMore();
  await pool.add();
  await untilRuns();
  await untilMore();

  const frozen = first();
  pool.pause(frozen);
  await delay(SESSION_MS + 3000);
  await untilMore();
  pool.resume(frozen);
  await untilMore();

  const leaving = first();
  await pool.add();
  await untilMore();
  await pool.stop(leaving);
  await untilMore();
  await pool.kill(first());
  await untilMore();

  stopping.abort();
  const count = await producing;
  await waitFor('all have come', 90_000, async () => (await rows()) >= count);
  const twice = await query('select n, count(*) from numbers group by n having count(*) > 1 order by n limit 20');
  const [figures] = await query<{ rows: number; numbers: number; least: number; most: number }>('select count(*)::int rows, count(distinct n)::int numbers, min(n)::int least, max(n)::int most from numbers');
  expect({ twice, figures }).toEqual({ twice: [], figures: { rows: count, numbers: count, least: 0, most: count - 1 } });
}, 300_000);
