import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { Client } from 'pg';
import { Admin, Consumer, Producer, type ConsumerRecord } from '@millrace/client';
import { EmbeddedPostgres } from '@millrace/embedded-postgres';
import { repositoryRoot, temporaryFolder, waitFor } from '@millrace/testkit';
import { Cluster } from './behaviours/cluster.js';

const JSON_CONVERTER = 'org.apache.kafka.connect.json.JsonConverter';
const PLAIN_JSON = { 'value.converter': JSON_CONVERTER, 'value.converter.schemas.enable': 'false' };

let cluster: Cluster;
const ends: (() => Promise<void> | void)[] = [];
beforeAll(async () => {
  cluster = await Cluster.start({ workers: 2, settings: { 'plugin.path': path.join(repositoryRoot(), 'connectors') } });
}, 60_000);
afterAll(async () => {
  await cluster.stop();
  for (const end of ends.reverse()) await end();
}, 60_000);

async function createTopic(name: string, partitions: number): Promise<void> {
  const client = cluster.client();
  await new Admin({ client }).createTopics([{ name, partitions, replicationFactor: 1, configs: {} }]);
  client.close();
}

/** What is in partition 0 once there are so many. */
async function records(topic: string, count: number, timeoutMs = 60_000): Promise<ConsumerRecord[]> {
  const consumer = new Consumer({ bootstrapServers: cluster.bootstrap, autoOffsetReset: 'earliest', enableAutoCommit: false });
  const found: ConsumerRecord[] = [];
  try {
    consumer.assign([{ topic, partition: 0 }]);
    consumer.seekToBeginning();
    await waitFor(`${count} records in ${topic}`, timeoutMs, async () => {
      found.push(...(await consumer.poll(200)));
      return found.length >= count;
    });
    found.push(...(await consumer.poll(500)));
    return found;
  } finally {
    await consumer.close({ timeoutMs: 500 });
  }
}

const text = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString('utf8');

describe('the HTTP sink in a worker', () => {
  it('with errors.tolerance=all delivers what the receiver takes, and each record that it refuses becomes a dead letter with the reason', async () => {
    const got: string[] = [];
    const server = http.createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      request.on('end', () => {
        const isRefused = Number((JSON.parse(body) as { n: number }).n) % 10 === 3;
        if (!isRefused) got.push(body);
        response.writeHead(isRefused ? 422 : 200).end(isRefused ? 'this number is not liked' : '');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ends.push(() => {
      server.close();
      server.closeAllConnections();
    });
    const topic = cluster.name('http-topic');
    const dead = cluster.name('http-dead');
    await createTopic(topic, 2);
    const name = await cluster.create('http', {
      'connector.class': 'HttpSink',
      'tasks.max': '1',
      topics: topic,
      'http.api.url': `http://127.0.0.1:${(server.address() as AddressInfo).port}/in`,
      'http.headers.content.type': 'application/json',
      ...PLAIN_JSON,
      'errors.tolerance': 'all',
      'errors.deadletterqueue.topic.name': dead,
      'errors.deadletterqueue.topic.replication.factor': '1',
      'errors.deadletterqueue.context.headers.enable': 'true',
    });
    await cluster.untilStates(name, 'RUNNING', ['RUNNING']);
    const sent = Array.from({ length: 1000 }, (_, n) => `{"n":${n}}`);
    const producer = new Producer({ bootstrapServers: cluster.bootstrap });
    await Promise.all(sent.map((value, n) => producer.send({ topic, partition: n % 2, key: `k${n}`, value, headers: { origin: `h${n}` } })));
    await producer.close();

    const isRefused = (value: string): boolean => value.endsWith('3}');
    await waitFor('what it takes has come', 60_000, () => Promise.resolve(new Set(got).size >= 900));
    expect([...new Set(got)].sort()).toEqual(sent.filter((it) => !isRefused(it)).sort());
    const letters = await records(dead, 100);
    expect(letters.map((it) => text(it.value)).sort()).toEqual(sent.filter(isRefused).sort());
    for (const { key, value, headers } of letters) {
      const { n } = JSON.parse(text(value)) as { n: number };
      const all = Object.fromEntries(headers.map((it) => [it.key, text(it.value)]));
      expect([text(key), all.origin]).toEqual([`k${n}`, `h${n}`]);
      expect(all).toMatchObject({ '__connect.errors.topic': topic, '__connect.errors.partition': String(n % 2), '__connect.errors.offset': String(Math.floor(n / 2)), '__connect.errors.connector.name': name, '__connect.errors.stage': 'TASK_PUT' });
      expect(all['__connect.errors.exception.message']).toContain('422');
    }
    await cluster.untilStates(name, 'RUNNING', ['RUNNING']);
    await waitFor('all of it is committed', 30_000, async () => {
      const { offsets } = (await cluster.offsets(name)) as { offsets: { offset: { kafka_offset: number } }[] };
      return offsets.length === 2 && offsets.every((it) => it.offset.kafka_offset === 500);
    });
    await cluster.remove_(name);
  }, 120_000);
});

describe('the PostgreSQL source in a worker', () => {
  it('acts on signals from a topic once, also when its task moves to another worker', async () => {
    const folder = temporaryFolder('signals');
    ends.push(() => folder.remove());
    fs.chmodSync(folder.path, 0o755);
    const postgres = await EmbeddedPostgres.start({ folder: path.join(folder.path, 'postgres') });
    ends.push(() => postgres.stop());
    const client = new Client(postgres.connection('postgres'));
    await client.connect();
    ends.push(() => client.end());
    await client.query('create table items (id int primary key, name text); insert into items select n, \'item \' || n from generate_series(1, 20) n');
    const prefix = cluster.name('pg');
    const signals = cluster.name('signals');
    await createTopic(signals, 1);
    const name = await cluster.create('pg', {
      'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
      'plugin.name': 'pgoutput',
      'tasks.max': '1',
      'database.hostname': postgres.host,
      'database.port': String(postgres.port),
      'database.user': postgres.user,
      'database.password': 'unused',
      'database.dbname': 'postgres',
      'topic.prefix': prefix,
      'table.include.list': 'public.items',
      'slot.name': 'signals',
      'publication.name': 'signals',
      'publication.autocreate.mode': 'filtered',
      'snapshot.mode': 'no_data',
      'signal.enabled.channels': 'kafka',
      'signal.kafka.topic': signals,
      'signal.kafka.bootstrap.servers': cluster.bootstrap,
      ...PLAIN_JSON,
    });
    await cluster.untilStates(name, 'RUNNING', ['RUNNING']);
    await waitFor('the slot streams', 60_000, async () => (await client.query('select 1 from pg_replication_slots where slot_name = \'signals\' and active')).rowCount === 1);
    const topic = `${prefix}.public.items`;
    const operations = async (count: number): Promise<string[]> => (await records(topic, count)).map((it) => (JSON.parse(text(it.value)) as { op: string }).op);
    await client.query("insert into items values (100, 'live')");
    expect(await operations(1)).toEqual(['c']);

    const signal = async (id: string, key: string): Promise<void> => {
      const producer = new Producer({ bootstrapServers: cluster.bootstrap });
      await producer.send({ topic: signals, key, value: JSON.stringify({ id, type: 'execute-snapshot', data: { 'data-collections': ['public.items'], type: 'incremental' } }) });
      await producer.close();
    };
    await signal('for-another', 'another-prefix');
    await signal('first', prefix);
    expect((await operations(22)).filter((it) => it === 'r')).toHaveLength(21);

    // Its worker goes; the other one takes the task, and the position in the topic of signals with it.
    const owner = (await cluster.status(name)).tasks?.[0]?.worker_id;
    await cluster.removeWorker(cluster.urls.findIndex((it) => new URL(it).host === owner));
    await waitFor('the other worker runs it', 60_000, async () => {
      const [task] = (await cluster.status(name)).tasks ?? [];
      return task?.state === 'RUNNING' && task.worker_id !== owner;
    });
    await client.query("insert into items values (101, 'after the move')");
    const before = await operations(23);
    expect(before.filter((it) => it === 'c')).toHaveLength(2);
    expect(before.filter((it) => it === 'r')).toHaveLength(21);
    await signal('second', prefix);
    expect((await operations(before.length + 22)).filter((it) => it === 'r')).toHaveLength(21 + 22);
    await cluster.remove_(name);
  }, 180_000);
});
