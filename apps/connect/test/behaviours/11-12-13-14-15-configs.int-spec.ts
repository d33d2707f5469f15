import { writeFileSync } from 'node:fs';
import { Producer } from '@millrace/client';
import { waitFor } from '@millrace/testkit';
import { Cluster, ownIt } from './cluster.js';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.start({ settings: { 'config.providers': 'file', 'config.providers.file.class': 'org.apache.kafka.common.config.provider.FileConfigProvider' } });
}, 60_000);
afterAll(() => cluster.stop(), 60_000);

const RUNNING = 'RUNNING';
const starts = (word: string): number => cluster.lines(`${word}.log`).filter((it) => it.startsWith('task.start')).length;
const troubled = (word: string): Record<string, string> => ({ 'connector.class': 'test.TroubleSourceConnector', topic: cluster.name(word), 'log.file': cluster.file(`${word}.log`) });

/** Writes to the config topic behind the workers' backs. */
async function writeConfigs(records: readonly (readonly [string, unknown])[]): Promise<void> {
  const producer = new Producer({ bootstrapServers: cluster.bootstrap });
  for (const [key, value] of records) await producer.send({ topic: `${cluster.run}-configs`, key: Buffer.from(key), value: value === null ? null : Buffer.from(JSON.stringify(value)) });
  await producer.close();
}

describe('11 more tasks than tasks.max', () => {
  ownIt('fail the connector, or the tasks that are there already, in words; tasks.max.enforce=false lets them be; both heal', async () => {
    const name = await cluster.create('many', { ...troubled('many'), tasks: '3', 'tasks.max': '1' });
    const failed = await cluster.untilStates(name, 'FAILED', []);
    expect(failed.connector?.trace).toMatch(/has generated 3 tasks, which is greater than 1, the maximum number of tasks it is configured to create\. This is disallowed/);
    const put = (over: Record<string, string>): ReturnType<Cluster['settled']> => cluster.settled('PUT', `/connectors/${name}/config`, { body: { ...troubled('many'), name, tasks: '3', ...over } });
    await put({ 'tasks.max': '1', 'tasks.max.enforce': 'false' });
    await cluster.untilStates(name, RUNNING, [RUNNING, RUNNING, RUNNING]);
    expect(cluster.logLines.some((it) => it.includes('a connector makes more tasks than tasks.max'))).toBe(true);
    await put({ 'tasks.max': '3' });
    await cluster.untilStates(name, RUNNING, [RUNNING, RUNNING, RUNNING]);
    // Task configs of an older time, more than there may be now.
    const task = { properties: { ...troubled('many'), number: '0', 'task.class': 'test.TroubleSourceTask' } };
    await cluster.settled('PUT', `/connectors/${name}/stop`);
    await cluster.untilStates(name, 'STOPPED', []);
    const other = cluster.name('older');
    await writeConfigs([
      [`task-${other}-0`, task],
      [`task-${other}-1`, task],
    ]);
    await writeConfigs([[`connector-${other}`, { properties: { ...troubled('older'), name: other, 'tasks.max': '1', 'block.in': 'connector.taskConfigs' } }]]);
    await writeConfigs([
      [`task-${other}-0`, task],
      [`task-${other}-1`, task],
      [`commit-${other}`, { tasks: 2 }],
    ]);
    const status = await cluster.untilStates(other, RUNNING, ['FAILED', 'FAILED']);
    expect(status.tasks?.[0]?.trace).toMatch(/has 2 tasks, which is greater than 1/);
    for (const it of [name, other]) await cluster.remove_(it);
  }, 120_000);
});

describe('12 task configs that outlived their connector', () => {
  ownIt('are ignored by workers that start', async () => {
    const gone = cluster.name('gone');
    await writeConfigs([
      [`task-${gone}-0`, { properties: { a: '1' } }],
      [`commit-${gone}`, { tasks: 1 }],
    ]);
    const worker = await cluster.addWorker();
    expect((await cluster.settled('GET', '/connectors', { worker })).body).not.toContain(gone);
    expect((await cluster.settled('GET', `/connectors/${gone}/tasks`, { worker })).status).toBe(404);
    const name = await cluster.create('lives', cluster.fileSource('lives', ['one']));
    await cluster.untilStates(name, RUNNING, [RUNNING]);
    await cluster.remove_(name);
    await cluster.removeWorker(worker);
  }, 60_000);
});

describe('13 a connector whose stored task configs refer to what is there no more', () => {
  ownIt('can be configured anew', async () => {
    writeFileSync(cluster.file('secrets'), `topic=${cluster.name('secret')}\n`);
    const name = await cluster.create('refers', { ...troubled('refers'), topic: `\${file:${cluster.file('secrets')}:topic}` });
    await cluster.untilStates(name, RUNNING, [RUNNING]);
    expect((await cluster.settled('GET', `/connectors/${name}/config`)).body).toMatchObject({ topic: `\${file:${cluster.file('secrets')}:topic}` });
    writeFileSync(cluster.file('secrets'), 'other=1\n');
    await cluster.settled('POST', `/connectors/${name}/tasks/0/restart`);
    await cluster.settled('PUT', `/connectors/${name}/config`, { body: { ...troubled('refers'), name, topic: cluster.name('plain') } });
    await cluster.untilStates(name, RUNNING, [RUNNING]);
    await cluster.remove_(name);
  }, 60_000);
});

describe('14 a change of a setting of the framework', () => {
  ownIt('starts the tasks anew, although the connector makes the same task configs', async () => {
    const name = await cluster.create('runtime', troubled('runtime'));
    await cluster.untilStates(name, RUNNING, [RUNNING]);
    expect(starts('runtime')).toBe(1);
    await cluster.settled('PATCH', `/connectors/${name}/config`, { body: { 'value.converter': 'org.apache.kafka.connect.json.JsonConverter', 'value.converter.schemas.enable': 'false' } });
    await waitFor('it was started again', 20_000, () => Promise.resolve(starts('runtime') === 2));
    await cluster.untilStates(name, RUNNING, [RUNNING]);
    await cluster.remove_(name);
  }, 60_000);
});

describe('15 names of plugins', () => {
  it('whole, simple and short: of connectors, converters, transformations and predicates', async () => {
    const base = 'org.apache.kafka.connect';
    const chain = (transform: string, predicate: string): Record<string, string> => ({
      transforms: 't',
      'transforms.t.type': transform,
      'transforms.t.header': 'h',
      'transforms.t.value.literal': 'v',
      'transforms.t.predicate': 'p',
      predicates: 'p',
      'predicates.p.type': predicate,
    });
    const variants = [
      { 'connector.class': `${base}.file.FileStreamSourceConnector`, 'value.converter': `${base}.storage.StringConverter`, ...chain(`${base}.transforms.InsertHeader`, `${base}.transforms.predicates.RecordIsTombstone`) },
      { 'connector.class': 'FileStreamSourceConnector', 'value.converter': 'StringConverter', ...chain('InsertHeader', 'RecordIsTombstone') },
      { 'connector.class': 'FileStreamSource', 'value.converter': 'String', ...chain('InsertHeader', 'RecordIsTombstone') },
    ];
    for (const [i, variant] of variants.entries()) {
      const name = await cluster.create(`alias-${i}`, { ...cluster.fileSource(`alias-${i}`, ['one']), ...variant });
      await cluster.untilStates(name, RUNNING, [RUNNING]);
      await cluster.remove_(name);
    }
  }, 120_000);
});
