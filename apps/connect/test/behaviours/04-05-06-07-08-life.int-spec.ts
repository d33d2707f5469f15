import { waitFor } from '@millrace/testkit';
import { Cluster, ownIt } from './cluster.js';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.start();
}, 60_000);
afterAll(() => cluster.stop(), 60_000);

const RUNNING = 'RUNNING';

describe('4 task statuses', () => {
  it('are as many as there are tasks when tasks.max goes up and down', async () => {
    const name = await cluster.create('wide', { ...cluster.fileSink('wide', 'wide'), 'tasks.max': '2' });
    await cluster.untilStates(name, RUNNING, [RUNNING, RUNNING]);
    for (const tasks of [4, 1, 3]) {
      await cluster.settled('PUT', `/connectors/${name}/config`, { body: { ...cluster.fileSink('wide', 'wide'), name, 'tasks.max': String(tasks) } });
      await cluster.untilStates(name, RUNNING, Array.from({ length: tasks }, () => RUNNING));
    }
  }, 120_000);
});

describe('5 pause, stop, resume', () => {
  it('from each state to each other, twice is as once, and delete works in any', async () => {
    const config = cluster.fileSource('states', ['one']);
    const name = await cluster.create('states', config);
    await cluster.untilStates(name, RUNNING, [RUNNING]);
    const to = async (verb: string): Promise<void> => {
      for (let i = 0; i < 2; i++) expect((await cluster.settled('PUT', `/connectors/${name}/${verb}`)).status).toBe(verb === 'stop' ? 204 : 202);
    };
    await to('pause');
    await cluster.untilStates(name, 'PAUSED', ['PAUSED']);
    await to('stop');
    await cluster.untilStates(name, 'STOPPED', []);
    expect((await cluster.settled('GET', `/connectors/${name}/tasks`)).body).toEqual([]);
    await to('resume');
    await cluster.untilStates(name, RUNNING, [RUNNING]);
    await to('stop');
    await cluster.untilStates(name, 'STOPPED', []);
    await to('resume');
    await cluster.untilStates(name, RUNNING, [RUNNING]);
    await to('pause');
    await cluster.untilStates(name, 'PAUSED', ['PAUSED']);
    await cluster.remove_(name);
    expect((await cluster.settled('GET', `/connectors/${name}`)).status).toBe(404);
    const stopped = await cluster.create('states-2', config, { initial_state: 'STOPPED' });
    await cluster.untilStates(stopped, 'STOPPED', []);
    await cluster.remove_(stopped);
  }, 180_000);

  it('a pause after a stop leaves it without tasks until it is resumed', async () => {
    const name = await cluster.create('paused', cluster.fileSource('paused', ['one']));
    await cluster.untilStates(name, RUNNING, [RUNNING]);
    await cluster.settled('PUT', `/connectors/${name}/stop`);
    await cluster.untilStates(name, 'STOPPED', []);
    await cluster.settled('PUT', `/connectors/${name}/pause`);
    await cluster.untilStates(name, 'PAUSED', []);
    await cluster.settled('PUT', `/connectors/${name}/resume`);
    await cluster.untilStates(name, RUNNING, [RUNNING]);
    await cluster.remove_(name);
  }, 60_000);
});

describe('6 the stopped state', () => {
  ownIt('is open to a connector that failed; it is configured anew while stopped, and runs when resumed', async () => {
    const failing = { 'connector.class': 'test.TroubleSourceConnector', 'fail.file': cluster.file('fail-6'), 'tasks.max': '1' };
    (await import('node:fs')).writeFileSync(cluster.file('fail-6'), 'connector\n');
    const name = await cluster.create('failed', failing);
    const status = await cluster.untilStates(name, 'FAILED', []);
    expect(status.connector?.trace).toContain('connector fails as it was told');
    await cluster.settled('PUT', `/connectors/${name}/stop`);
    await cluster.untilStates(name, 'STOPPED', []);
    await cluster.settled('PUT', `/connectors/${name}/config`, { body: { ...failing, name, 'fail.file': '' } });
    await cluster.untilStates(name, 'STOPPED', []);
    await cluster.settled('PUT', `/connectors/${name}/resume`);
    await cluster.untilStates(name, RUNNING, [RUNNING]);
    await cluster.settled('PUT', `/connectors/${name}/stop`);
    await cluster.untilStates(name, 'STOPPED', []);
    await cluster.remove_(name);
  }, 60_000);
});

describe('7 initial states', () => {
  it('paused: a connector without tasks, until it is resumed', async () => {
    const name = await cluster.create('init-paused', cluster.fileSource('init-paused', ['one']), { initial_state: 'PAUSED' });
    await cluster.untilStates(name, 'PAUSED', []);
    await cluster.settled('PUT', `/connectors/${name}/resume`);
    await cluster.untilStates(name, RUNNING, [RUNNING]);
    await cluster.remove_(name);
  }, 60_000);

  it('stopped: a source begins where its offsets were set before its first run', async () => {
    const config = cluster.fileSource('before', ['one', 'two', 'three']);
    const name = await cluster.create('before', config, { initial_state: 'STOPPED' });
    await cluster.untilStates(name, 'STOPPED', []);
    const offsets = { offsets: [{ partition: { filename: config.file }, offset: { position: 4 } }] };
    expect((await cluster.settled('PATCH', `/connectors/${name}/offsets`, { body: offsets })).body).toEqual({ message: 'The offsets for this connector have been altered successfully' });
    expect(await cluster.offsets(name)).toEqual(offsets);
    await cluster.settled('PUT', `/connectors/${name}/resume`);
    await cluster.untilStates(name, RUNNING, [RUNNING]);
    const sink = await cluster.create('before-sink', cluster.fileSink('before', 'before'));
    await waitFor('the rest has come', 60_000, () => Promise.resolve(cluster.lines('before.out').length >= 2));
    expect(cluster.lines('before.out')).toEqual(['two', 'three']);
    for (const it of [name, sink]) await cluster.remove_(it);
  }, 120_000);

  it('stopped: a sink begins where its offsets were set before its first run', async () => {
    const source = await cluster.create('begin', cluster.fileSource('begin', ['a', 'b', 'c', 'd']));
    await cluster.untilStates(source, RUNNING, [RUNNING]);
    await waitFor('the source has read all', 90_000, async () => JSON.stringify(await cluster.offsets(source)).includes('8'));
    const name = await cluster.create('begin-sink', cluster.fileSink('begin', 'begin'), { initial_state: 'stopped' });
    await cluster.untilStates(name, 'STOPPED', []);
    expect(await cluster.offsets(name)).toEqual({ offsets: [] });
    const partition = { kafka_topic: cluster.name('begin-topic'), kafka_partition: 0 };
    expect((await cluster.settled('PATCH', `/connectors/${name}/offsets`, { body: { offsets: [{ partition, offset: { kafka_offset: 3 } }] } })).status).toBe(200);
    await cluster.settled('PUT', `/connectors/${name}/resume`);
    await waitFor('the last has come', 60_000, () => Promise.resolve(cluster.lines('begin.out').length >= 1));
    expect(cluster.lines('begin.out')).toEqual(['d']);
    for (const it of [name, source]) await cluster.remove_(it);
  }, 180_000);
});

describe('8 a patch of a config', () => {
  it('removes what is null, adds and changes the rest, and is what GET shows', async () => {
    const config = cluster.fileSource('patched', ['one']);
    const name = await cluster.create('patched', { ...config, 'batch.size': '7', 'errors.log.enable': 'false' });
    await cluster.untilStates(name, RUNNING, [RUNNING]);
    const topic = cluster.name('patched-2');
    const answer = await cluster.settled('PATCH', `/connectors/${name}/config`, { body: { 'batch.size': null, topic, 'tasks.max': 1 } });
    expect(answer.status).toBe(200);
    const wanted = { ...config, name, topic, 'errors.log.enable': 'false' };
    expect(answer.body).toMatchObject({ name, config: wanted });
    expect((await cluster.settled('GET', `/connectors/${name}/config`)).body).toEqual(wanted);
    expect((await cluster.settled('PATCH', `/connectors/${cluster.name('nobody')}/config`, { body: {} })).status).toBe(404);
    await cluster.remove_(name);
  }, 60_000);
});
