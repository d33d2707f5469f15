import path from 'node:path';
import { SinkTask } from '@millrace/connect-api';
import { Consumer, Producer } from '@millrace/client';
import { freePort, PeerProcess, peersMissing, putConnector, waitFor } from '@millrace/testkit';
import { HOST, LOGGER, scriptedSpec } from '../../test/scripted-task.js';
import { WorkerCluster } from '../../test/worker-cluster.js';
import type { ConverterSpec } from '../isolation/task-protocol.js';
import { SinkLoop } from '../tasks/sink-loop.js';

const missing = peersMissing();
const describeWithJava = missing === undefined ? describe : describe.skip;

const struct = (payload: string): string => `{"schema":{"type":"struct","fields":[{"type":"int64","optional":false,"field":"n"},{"type":"string","optional":true,"field":"e"}],"optional":false},"payload":${payload}}`;
const text = '{"schema":{"type":"string","optional":false},"payload":"x"}';

const RECORDS: readonly { readonly key: string | null; readonly value: string | null; readonly headers?: Readonly<Record<string, string>> }[] = [
  { key: text, value: struct('{"n":1,"e":"5"}') },
  { key: text, value: 'poison', headers: { origin: 'here' } },
  { key: null, value: struct('{"n":2,"e":null}').slice(0, -5) },
  { key: null, value: '{"a":1}' },
  { key: text, value: '{"schema":{"type":"foo","optional":false},"payload":1}' },
  { key: text, value: '{"schema":{"type":"array","optional":false},"payload":[]}' },
  { key: text, value: struct('{"n":null}') },
  { key: text, value: struct('[]') },
  { key: text, value: struct('{"n":3,"e":"300"}'), headers: { a: '1', b: 'two' } },
  { key: text, value: text },
  { key: text, value: '{"schema":null,"payload":"x"}' },
  { key: 'bad key', value: struct('{"n":4,"e":"5"}') },
  { key: '{"schema":{"type":"int8","optional":false},"payload":null}', value: struct('{"n":4,"e":"5"}') },
  { key: text, value: struct('{"n":5,"e":"6"}') },
];
const GOOD = 2;

class Counting extends SinkTask {
  count = 0;
  start(): void {}
  put(records: readonly unknown[]): void {
    this.count += records.length;
  }
  stop(): void {}
}

function plugin(name: string): ConverterSpec['plugin'] {
  return { class: name, type: 'converter', version: undefined, folder: '', entry: '', exportName: '', aliases: [], taskClass: '' };
}

describeWithJava(`dead letters and those of Java Connect${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  it('are the same, header by header, but for the stack traces', async () => {
    const cluster = await WorkerCluster.start();
    const producer = new Producer({ bootstrapServers: cluster.bootstrap });
    const java = await PeerProcess.connect({ folder: path.join(cluster.folder, 'java'), port: await freePort(), bootstrap: cluster.bootstrap, heap: ['-Xms128m', '-Xmx512m'] });
    const task = new Counting();
    const client = { 'bootstrap.servers': cluster.bootstrap };
    const json = plugin('org.apache.kafka.connect.json.JsonConverter');
    const transforms = 'org.apache.kafka.connect.transforms.';
    const loop = new SinkLoop(
      scriptedSpec(task, {
        type: 'sink',
        subscription: { topics: ['poisoned'] },
        clientConfig: { ...client, 'group.id': 'ours', 'auto.offset.reset': 'earliest' },
        keyConverter: { plugin: json, config: {} },
        headerConverter: { plugin: plugin('org.apache.kafka.connect.storage.SimpleHeaderConverter'), config: {} },
        transformations: [
          { alias: 'first', plugin: plugin(`${transforms}InsertField$Value`), config: { 'topic.field': 't' }, predicate: null },
          { alias: 'second', plugin: plugin(`${transforms}Cast$Value`), config: { spec: 'e:int8' }, predicate: null },
        ],
        errors: { retryTimeoutMs: 0, retryDelayMaxMs: 1000, isTolerant: true, logsErrors: false, logsRecords: false, deadLetters: { topic: 'dead-ours', replicationFactor: 1, hasContextHeaders: true, producerConfig: client, adminConfig: client } },
      }, json.class),
      HOST,
      LOGGER,
    );
    const ended = loop.run();
    try {
      for (const it of RECORDS) await producer.send({ topic: 'poisoned', partition: 0, ...it });
      await putConnector(() => java.address, 'scripted', {
        'connector.class': 'FileStreamSink',
        topics: 'poisoned',
        file: path.join(cluster.folder, 'java.txt'),
        transforms: 'insert,cast',
        'transforms.insert.type': `${transforms}InsertField$Value`,
        'transforms.insert.topic.field': 't',
        'transforms.cast.type': `${transforms}Cast$Value`,
        'transforms.cast.spec': 'e:int8',
        'errors.tolerance': 'all',
        'errors.deadletterqueue.topic.name': 'dead-java',
        'errors.deadletterqueue.topic.replication.factor': '1',
        'errors.deadletterqueue.context.headers.enable': 'true',
      });
      const theirs = await letters(cluster.bootstrap, 'dead-java');
      expect(await letters(cluster.bootstrap, 'dead-ours')).toEqual(theirs);
      expect(task.count).toBe(GOOD);
    } finally {
      loop.requestStop();
      await ended;
      await Promise.all([java.stop(), producer.close()]);
      await cluster.stop();
    }
  }, 120_000);
});

async function letters(bootstrap: string, topic: string): Promise<unknown[]> {
  const consumer = new Consumer({ bootstrapServers: bootstrap, autoOffsetReset: 'earliest', enableAutoCommit: false });
  const found: unknown[] = [];
  consumer.assign([{ topic, partition: 0 }]);
  consumer.seekToBeginning();
  await waitFor(`dead letters in ${topic}`, 60_000, async () => {
    for (const { key, value, headers } of await consumer.poll(200)) {
      const shown = headers.map((it) => [it.key, it.key.endsWith('.stacktrace') ? 'a trace' : Buffer.from(it.value ?? []).toString('utf8')]);
      found.push({ key: key && Buffer.from(key).toString(), value: value && Buffer.from(value).toString(), headers: shown });
    }
    return found.length >= RECORDS.length - GOOD;
  });
  await consumer.close({ timeoutMs: 500 });
  return found;
}
