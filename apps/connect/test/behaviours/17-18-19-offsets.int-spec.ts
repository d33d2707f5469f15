import { waitFor } from '@millrace/testkit';
import { Cluster, ownIt } from './cluster.js';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.start({ workers: 2 });
}, 60_000);
afterAll(() => cluster.stop(), 60_000);

const RUNNING = 'RUNNING';
const NOT_STOPPED = /^Connectors must be in the STOPPED state before their offsets can be modified\. This can be done for the specified connector by issuing a 'PUT' request to the '\/connectors\/.*\/stop' endpoint$/;

async function stopped(name: string): Promise<void> {
  await cluster.settled('PUT', `/connectors/${name}/stop`);
  await cluster.untilStates(name, 'STOPPED', []);
}

/** From each worker: one of them is not the leader. */
async function onEach(method: string, where: string, body?: unknown): Promise<{ status: number; message: unknown }[]> {
  const answers: { status: number; message: unknown }[] = [];
  for (let worker = 0; worker < cluster.urls.length; worker++) {
    const { status, body: answer } = await cluster.settled(method, where, { worker, ...(body === undefined ? {} : { body }) });
    answers.push({ status, message: (answer as { message?: unknown } | undefined)?.message });
  }
  return answers;
}

describe('17 offsets are shown', () => {
  it('not of a connector that is not there', async () => {
    for (const it of await onEach('GET', `/connectors/${cluster.name('none')}/offsets`)) expect(it).toEqual({ status: 404, message: `Connector ${cluster.name('none')} not found` });
  });

  it('of a source and of a sink, also with a consumer group of another name', async () => {
    const config = cluster.fileSource('shown', ['one', 'two']);
    const source = await cluster.create('shown', config);
    const sink = await cluster.create('shown-sink', cluster.fileSink('shown', 'shown'));
    const named = await cluster.create('shown-group', { ...cluster.fileSink('shown-group', 'shown'), 'consumer.override.group.id': cluster.name('own-group') });
    await waitFor('the source has read all', 90_000, async () => JSON.stringify(await cluster.offsets(source)) === JSON.stringify({ offsets: [{ partition: { filename: config.file }, offset: { position: 8 } }] }));
    const wanted = { offsets: [{ partition: { kafka_topic: cluster.name('shown-topic'), kafka_partition: 0 }, offset: { kafka_offset: 2 } }] };
    for (const name of [sink, named]) {
      await waitFor(`${name} has put all`, 90_000, async () => JSON.stringify(await cluster.offsets(name)).includes('"kafka_offset":2'));
      expect(await cluster.offsets(name)).toEqual(wanted);
    }
    for (const it of [named, sink, source]) await cluster.remove_(it);
  }, 200_000);

  ownIt('of a source with a topic of its own', async () => {
    const plain = cluster.fileSource('own', ['one']);
    const name = await cluster.create('own', { ...plain, 'offsets.storage.topic': cluster.name('own-offsets') });
    await waitFor('it has read all', 20_000, async () => JSON.stringify(await cluster.offsets(name)).includes('"position":4'));
    await cluster.remove_(name);
    // Without the setting, what the worker's own topic was told meanwhile counts.
    const again = await cluster.create('own', plain, { initial_state: 'STOPPED' });
    expect(await cluster.offsets(again)).toEqual({ offsets: [{ partition: { filename: plain.file }, offset: { position: 4 } }] });
    await cluster.remove_(again);
  }, 60_000);
});

describe('18 offsets are altered', () => {
  it('only of a connector that is there, and stopped, and with a body that makes sense', async () => {
    const body = { offsets: [{ partition: { filename: 'x' }, offset: { position: 1 } }] };
    for (const it of await onEach('PATCH', `/connectors/${cluster.name('none')}/offsets`, body)) expect(it.status).toBe(404);
    const config = cluster.fileSource('altered', ['one', 'two', 'three']);
    const name = await cluster.create('altered', config);
    await cluster.untilStates(name, RUNNING, [RUNNING]);
    for (const it of await onEach('PATCH', `/connectors/${name}/offsets`, body)) expect(it).toEqual({ status: 400, message: expect.stringMatching(NOT_STOPPED) as unknown });
    await cluster.settled('PUT', `/connectors/${name}/pause`);
    await cluster.untilStates(name, 'PAUSED', ['PAUSED']);
    for (const it of await onEach('PATCH', `/connectors/${name}/offsets`, body)) expect(it.status).toBe(400);
    await stopped(name);
    for (const bad of [{ offsets: [] }, {}]) for (const it of await onEach('PATCH', `/connectors/${name}/offsets`, bad)) expect(it).toEqual({ status: 400, message: 'Partitions / offsets need to be provided for an alter offsets request' });
    for (const it of await onEach('PATCH', `/connectors/${name}/offsets`, { offsets: [{ partition: { filename: config.file }, offset: { position: 4 } }] })) expect(it).toEqual({ status: 200, message: 'The offsets for this connector have been altered successfully' });
    await cluster.settled('PUT', `/connectors/${name}/resume`);
    const sink = await cluster.create('altered-sink', cluster.fileSink('altered', 'altered'));
    await waitFor('it goes on from there', 90_000, () => Promise.resolve(cluster.lines('altered.out').filter((it) => it === 'three').length === 2));
    expect(cluster.lines('altered.out')).toEqual(['one', 'two', 'three', 'two', 'three']);
    for (const it of [sink, name]) await cluster.remove_(it);
  }, 200_000);

  it('of a sink: some set, some forgotten, in one request', async () => {
    const source = await cluster.create('mixed', cluster.fileSource('mixed', ['a', 'b', 'c']));
    const name = await cluster.create('mixed-sink', cluster.fileSink('mixed', 'mixed'));
    await waitFor('all has arrived', 90_000, () => Promise.resolve(cluster.lines('mixed.out').length === 3));
    await stopped(name);
    const topic = cluster.name('mixed-topic');
    const change = { offsets: [{ partition: { kafka_topic: topic, kafka_partition: '0' }, offset: { kafka_offset: '1' } }, { partition: { kafka_topic: cluster.name('altered-topic'), kafka_partition: 0 }, offset: null }] };
    for (const it of await onEach('PATCH', `/connectors/${name}/offsets`, change)) expect(it).toEqual({ status: 200, message: 'The offsets for this connector have been altered successfully' });
    expect(await cluster.offsets(name)).toEqual({ offsets: [{ partition: { kafka_topic: topic, kafka_partition: 0 }, offset: { kafka_offset: 1 } }] });
    await cluster.settled('PUT', `/connectors/${name}/resume`);
    await waitFor('it goes on from there', 90_000, () => Promise.resolve(cluster.lines('mixed.out').length === 5));
    expect(cluster.lines('mixed.out')).toEqual(['a', 'b', 'c', 'b', 'c']);
    for (const it of [name, source]) await cluster.remove_(it);
  }, 200_000);

  ownIt('not while somebody else is in the consumer group of a sink', async () => {
    const name = await cluster.create('zombie', cluster.fileSink('zombie', 'zombie'), { initial_state: 'STOPPED' });
    const other = await cluster.create('zombie-other', { ...cluster.fileSink('zombie-other', 'zombie'), 'consumer.override.group.id': `connect-${name}` });
    await cluster.produce(cluster.name('zombie-topic'), ['a']);
    await waitFor('the other has joined', 20_000, () => Promise.resolve(cluster.lines('zombie-other.out').length === 1));
    const offsets = [{ partition: { kafka_topic: cluster.name('zombie-topic'), kafka_partition: 0 }, offset: { kafka_offset: 0 } }];
    for (const [method, body, verb] of [['PATCH', { offsets }, 'alter'], ['PATCH', { offsets: [{ ...offsets[0], offset: null }] }, 'alter'], ['DELETE', undefined, 'reset']] as const) {
      const answer = await cluster.settled(method, `/connectors/${name}/offsets`, body === undefined ? {} : { body });
      expect(answer.status).toBe(500);
      expect((answer.body as { message: string }).message).toMatch(new RegExp(`^Failed to ${verb} consumer group offsets for connector ${name} either because its tasks haven't stopped completely yet`));
    }
    for (const it of [other, name]) await cluster.remove_(it);
  }, 90_000);

  ownIt('asks the connector, and says when more has to be done elsewhere', async () => {
    const config = { 'connector.class': 'test.TroubleSourceConnector', 'log.file': cluster.file('asked.log') };
    const name = await cluster.create('asked', config, { initial_state: 'STOPPED' });
    const offsets = [{ partition: { number: '0' }, offset: { n: 5 } }];
    expect((await cluster.settled('PATCH', `/connectors/${name}/offsets`, { body: { offsets } })).body).toEqual({
      message: 'The Connect framework-managed offsets for this connector have been altered successfully. However, if this connector manages offsets externally, they will need to be manually altered in the system that the connector uses.',
    });
    expect(cluster.lines('asked.log')).toEqual(['alterOffsets [[{"number":"0"},{"n":5}]]']);
    await cluster.settled('PATCH', `/connectors/${name}/config`, { body: { 'alter.result': 'true' } });
    expect((await cluster.settled('DELETE', `/connectors/${name}/offsets`)).body).toEqual({ message: 'The offsets for this connector have been reset successfully' });
    expect(cluster.lines('asked.log')[1]).toBe('alterOffsets [[{"number":"0"},null]]');
    await cluster.remove_(name);
  }, 60_000);
});

describe('19 offsets are reset', () => {
  it('of a source and of a sink: to nothing, and twice is as once', async () => {
    const source = await cluster.create('reset', cluster.fileSource('reset', ['a', 'b']));
    const sink = await cluster.create('reset-sink', cluster.fileSink('reset', 'reset'));
    await waitFor('all has arrived', 90_000, () => Promise.resolve(cluster.lines('reset.out').length === 2));
    for (const name of [source, sink]) {
      for (const it of await onEach('DELETE', `/connectors/${name}/offsets`)) expect(it).toEqual({ status: 400, message: expect.stringMatching(NOT_STOPPED) as unknown });
      await stopped(name);
      for (const it of await onEach('DELETE', `/connectors/${name}/offsets`)) expect(it).toEqual({ status: 200, message: 'The offsets for this connector have been reset successfully' });
      expect(await cluster.offsets(name)).toEqual({ offsets: [] });
    }
    for (const name of [source, sink]) await cluster.settled('PUT', `/connectors/${name}/resume`);
    await waitFor('all has come again', 90_000, () => Promise.resolve(cluster.lines('reset.out').length === 6));
    expect(cluster.lines('reset.out')).toEqual(['a', 'b', 'a', 'b', 'a', 'b']);
    for (const it of [sink, source]) await cluster.remove_(it);
    for (const it of await onEach('DELETE', `/connectors/${source}/offsets`)) expect(it.status).toBe(404);
  }, 300_000);
});
