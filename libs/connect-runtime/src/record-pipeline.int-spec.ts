import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { Consumer } from '@millrace/client';
import { RecordingLogger, waitFor } from '@millrace/testkit';
import { untilStatus, WorkerCluster } from '../test/worker-cluster.js';
import type { ConnectWorker } from './connect-worker.js';
import type { StringMap } from './rest/shapes.js';

let cluster: WorkerCluster;
let worker: ConnectWorker;
const logger = new RecordingLogger();
const PACKAGE = 'org.apache.kafka.connect.transforms.';
const SECRET = 'hunter2-of-the-file';
let secretFile: string;

beforeAll(async () => {
  cluster = await WorkerCluster.start();
  secretFile = path.join(cluster.folder, 'secrets.properties');
  writeFileSync(secretFile, `# kept here\npassword = ${SECRET}\ntopic:from-file\nbatch=10\nwrong=wrong-number-of-the-file\n`);
  process.env.MILLRACE_TEST_TOPIC = 'from-env';
  worker = await cluster.addWorker(
    'w1',
    {
      'config.providers': 'file,env',
      'config.providers.file.class': 'org.apache.kafka.common.config.provider.FileConfigProvider',
      'config.providers.file.param.allowed.paths': cluster.folder,
      'config.providers.env.class': 'EnvVarConfigProvider',
      'config.providers.env.param.allowlist.pattern': 'MILLRACE_.*',
      'client.id': '${env:MILLRACE_TEST_TOPIC}',
    },
    logger,
  );
}, 30_000);
afterAll(async () => {
  await cluster.stop();
}, 30_000);

const source = (over: StringMap): Record<string, string> => ({ 'connector.class': 'CountingSource', topic: 'numbers', limit: '100', ...over });

async function create(name: string, config: Record<string, string>): Promise<void> {
  await worker.rest.createConnector({ name, config }, {});
}

async function records(topic: string, count: number): Promise<{ n: number; headers: string }[]> {
  const consumer = new Consumer({ bootstrapServers: cluster.bootstrap, autoOffsetReset: 'earliest', enableAutoCommit: false });
  const found: { n: number; headers: string }[] = [];
  consumer.assign([{ topic, partition: 0 }]);
  consumer.seekToBeginning();
  await waitFor(`${count} records of ${topic}`, 20_000, async () => {
    for (const it of await consumer.poll(100)) {
      const { payload } = JSON.parse(Buffer.from(it.value ?? []).toString()) as { payload: { n: number } };
      found.push({ n: payload.n, headers: it.headers.map(({ key, value }) => `${key}:${Buffer.from(value ?? []).toString()}`).join() });
    }
    return found.length >= count;
  });
  await consumer.close({ timeoutMs: 500 });
  return found;
}

describe('the chain of transformations', () => {
  it('runs in order, each step where its predicate says so, with plugins of packages among them', async () => {
    await create('chain', source({
      topic: 'chain',
      transforms: 'route,static,drop',
      predicates: 'big,big90',
      'predicates.big.type': 'test.IsBig',
      'predicates.big.than': '50',
      'predicates.big90.type': 'IsBig',
      'predicates.big90.than': '90',
      'transforms.route.type': 'RegexRouter',
      'transforms.route.regex': '(.*)',
      'transforms.route.replacement': '$1-small',
      'transforms.route.predicate': 'big',
      'transforms.route.negate': 'true',
      'transforms.static.type': `${PACKAGE}InsertHeader`,
      'transforms.static.header': 'h',
      'transforms.static.value.literal': '5',
      'transforms.drop.type': 'Filter',
      'transforms.drop.predicate': 'big90',
      'header.converter': 'test.UpperCaseHeaders',
    }));
    expect((await records('chain-small', 50)).map((it) => it.n)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
    expect(await records('chain', 40)).toEqual(Array.from({ length: 40 }, (_, i) => ({ n: i + 51, headers: 'h:h=5' })));
    // What was dropped counts as done.
    await waitFor('the offset of the last', 10_000, async () => JSON.stringify(await worker.rest.connectorOffsets('chain')) === '{"offsets":[{"partition":{"counter":"c0"},"offset":{"n":100}}]}');
    await worker.rest.deleteConnector('chain', {});
  }, 40_000);

  it('drops bad records of a source that tolerates them, and counts them', async () => {
    await create('odd', source({ topic: 'odd', transforms: 'odd', 'transforms.odd.type': 'test.RefuseOdd', 'errors.tolerance': 'all', 'errors.log.enable': 'true', 'errors.log.include.messages': 'true' }));
    expect((await records('odd', 50)).map((it) => it.n)).toEqual(Array.from({ length: 50 }, (_, i) => 2 * (i + 1)));
    await waitFor('the counters', 10_000, () => Promise.resolve(worker.metrics().tasks.some((it) => it.connector === 'odd' && it.errors.totalRecordsSkipped === 50 && it.recordsActive === 0)));
    const lines = logger.complaints('error encountered in a task');
    expect(lines.length).toBe(50);
    expect(lines[0]?.fields).toMatchObject({ connector: 'odd', stage: 'TRANSFORMATION', class: 'test.RefuseOdd', error: 'odd numbers are not liked', topic: 'odd' });
    await worker.rest.deleteConnector('odd', {});
  }, 40_000);

  it('fails the task at the first bad record otherwise', async () => {
    await create('strict', source({ topic: 'strict', transforms: 'odd', 'transforms.odd.type': 'test.RefuseOdd' }));
    await untilStatus(worker, 'strict', 'RUNNING', ['FAILED']);
    expect(worker.rest.taskStatus('strict', 0).trace).toMatch(/Tolerance exceeded in error handler \(TRANSFORMATION of a record for topic strict\)[^]*odd numbers are not liked/);
    await worker.rest.deleteConnector('strict', {});
  }, 40_000);

  it('is validated step by step', async () => {
    const infos = await worker.rest.validateConfig('CountingSource', {
      ...source({ name: 'x' }),
      transforms: 'a,b,c,d,e,f',
      predicates: 'p',
      'predicates.p.type': `${PACKAGE}predicates.HasHeaderKey`,
      'transforms.a.type': 'Nope',
      'transforms.c.type': 'RegexRouter',
      'transforms.c.regex': '(',
      'transforms.d.type': 'Filter',
      'transforms.d.negate': 'true',
      'transforms.e.type': 'Filter',
      'transforms.e.predicate': 'q',
      'transforms.f.type': `${PACKAGE}InsertField$Value`,
    });
    const errors = Object.fromEntries(infos.configs.filter((it) => it.value.errors.length > 0).map((it) => [it.value.name, it.value.errors]));
    expect(errors).toEqual({
      'transforms.a.type': ['Invalid value Nope for configuration transforms.a.type: Class Nope could not be found.'],
      'transforms.b.type': ['Missing required configuration "transforms.b.type" which has no default value.'],
      'transforms.c.regex': [expect.stringMatching(/^Invalid value \( for configuration transforms.c.regex: Invalid regex: /)],
      'transforms.c.replacement': ['Missing required configuration "transforms.c.replacement" which has no default value.'],
      'transforms.d.type': ["Invalid value Filter for configuration transforms.d.type: Config 'transforms.d.negate' was provided but there is no config 'transforms.d.predicate' defining a predicate to be negated."],
      'transforms.e.type': ['Invalid value Filter for configuration transforms.e.type: The predicate q is not among the predicates of the connector'],
      'transforms.f.type': ['No field insertion configured'],
      'predicates.p.name': ['Missing required configuration "predicates.p.name" which has no default value.'],
    });
    expect(infos.groups).toEqual(expect.arrayContaining(['Transforms: a', 'Transforms: f', 'Predicates: p']));
    await expect(create('x', source({ transforms: 'a,a', 'transforms.a.type': 'Filter' }))).rejects.toMatchObject({ message: expect.stringContaining('Duplicate alias provided.') as string });
  });

  it('can be looked up', async () => {
    const plugins = worker.rest.plugins({ connectorsOnly: false });
    expect(plugins.filter((it) => it.type === 'transformation').length).toBe(26 + 1);
    expect(plugins.filter((it) => it.type === 'predicate').map((it) => it.class)).toEqual(['HasHeaderKey', 'RecordIsTombstone', 'TopicNameMatches'].map((it) => `${PACKAGE}predicates.${it}`).concat('test.IsBig'));
    expect((await worker.rest.pluginConfig(`${PACKAGE}Cast$Value`)).map((it) => it.name)).toEqual(['spec', 'replace.null.with.default']);
    expect(await worker.rest.pluginConfig('TopicNameMatches')).toMatchObject([{ name: 'pattern', type: 'STRING', required: true }]);
  });
});

describe('values of config providers', () => {
  const reference = (key: string): string => `\${file:${secretFile}:${key}}`;

  it('reach the connector, and nobody else', async () => {
    await create('told', source({ topic: reference('topic'), 'batch.size': reference('batch'), secret: reference('password') }));
    expect((await records('from-file', 100)).length).toBe(100);
    expect(worker.rest.connectorConfig('told')).toMatchObject({ topic: reference('topic'), secret: reference('password') });
    expect(worker.rest.connectorTasks('told')[0]?.config).toMatchObject({ topic: reference('topic'), secret: reference('password'), counter: 'c0' });
    await create('env', source({ topic: '${env:MILLRACE_TEST_TOPIC}' }));
    expect((await records('from-env', 100)).length).toBe(100);
    for (const name of ['told', 'env']) await worker.rest.deleteConnector(name, {});
  }, 40_000);

  it.each([
    ['tell', 'RUNNING', ['FAILED']],
    ['untold', 'FAILED', []],
  ])('are not in traces and log lines (%s)', async (trouble, connector, tasks) => {
    await create(trouble, source({ trouble, secret: reference('password') }));
    await untilStatus(worker, trouble, connector, tasks);
    const status = JSON.stringify(worker.rest.connectorStatus(trouble));
    expect(status).not.toContain(SECRET);
    expect(status).toContain(trouble === 'tell' ? 'the secret is ${file:' : 'no connector with ${file:');
    await worker.rest.deleteConnector(trouble, {});
    expect(JSON.stringify(logger.lines)).not.toContain(SECRET);
  }, 30_000);

  it('are not in what the plugin answers to signals and to changes of its offsets', async () => {
    await create('asked', source({ trouble: 'offsets', secret: reference('password') }));
    await untilStatus(worker, 'asked', 'RUNNING', ['RUNNING']);
    await expect(worker.rest.signalConnector('asked', { type: 'tell' }, {})).rejects.toMatchObject({ status: 400, message: `not with ${reference('password')}` });
    await worker.rest.stopConnector('asked', {});
    await untilStatus(worker, 'asked', 'STOPPED', []);
    await expect(worker.rest.resetConnectorOffsets('asked', {})).rejects.toMatchObject({ status: 400, message: `no offsets with ${reference('password')}` });
    expect(JSON.stringify(logger.lines)).not.toContain(SECRET);
    await worker.rest.deleteConnector('asked', {});
  }, 30_000);

  it('are checked, but not shown by the check', async () => {
    const infos = await worker.rest.validateConfig('CountingSource', {
      ...source({ name: 'x', 'batch.size': reference('wrong'), secret: reference('password'), limit: reference('nothing'), 'config.action.reload': 'none' }),
      'config.providers': 'mine',
      'config.providers.mine.class': 'com.example.Mine',
    });
    const shown = Object.fromEntries(infos.configs.map(({ value }) => [value.name, value]));
    expect(JSON.stringify(infos)).not.toMatch(/wrong-number|hunter2/);
    expect(shown['batch.size']).toMatchObject({ value: reference('wrong'), errors: [`Invalid value ${reference('wrong')} for configuration batch.size: what the config provider gives is not valid`] });
    expect(shown.secret).toMatchObject({ errors: [] });
    expect(shown.limit?.errors).toEqual([`The value of limit refers to ${reference('nothing')}, which its config provider does not have`]);
    expect(Object.keys(shown).filter((it) => it.startsWith('config.providers'))).toEqual([]);
    await expect(create('x', source({ secret: '${file:/etc/hostname:x}' }))).rejects.toMatchObject({ message: expect.stringContaining('not within allowed.paths') as string });
    await expect(create('x', source({ secret: '${env:PATH}' }))).rejects.toMatchObject({ message: expect.stringContaining('does not have') as string });
  });

  it('may be gone: then a task does not start, but its connector can be changed', async () => {
    await create('gone', source({ topic: 'gone', secret: reference('password') }));
    await untilStatus(worker, 'gone', 'RUNNING', ['RUNNING']);
    writeFileSync(secretFile, 'topic=elsewhere\n');
    await worker.rest.restartTask('gone', 0, {});
    await untilStatus(worker, 'gone', 'RUNNING', ['FAILED']);
    expect(worker.rest.taskStatus('gone', 0).trace).toMatch(/which its config provider does not have/);
    await worker.rest.putConnectorConfig('gone', source({ topic: 'gone' }), {});
    await untilStatus(worker, 'gone', 'RUNNING', ['RUNNING']);
    await worker.rest.deleteConnector('gone', {});
  }, 40_000);
});
