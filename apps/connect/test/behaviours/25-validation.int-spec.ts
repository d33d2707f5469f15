import fs from 'node:fs';
import { Cluster, isForeign, ownIt } from './cluster.js';

const GROUP = 'connect-worker-group-id';
const SECRET = 'hush-4711';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.start({ settings: { 'group.id': GROUP, 'config.providers': 'file', 'config.providers.file.class': 'org.apache.kafka.common.config.provider.FileConfigProvider' } });
  fs.writeFileSync(cluster.file('secrets.properties'), `word=${SECRET}\npattern=(${SECRET}\n`);
}, 60_000);
afterAll(() => cluster.stop(), 60_000);

type Config = Readonly<Record<string, string>>;

const STRINGS = { 'tasks.max': '1', 'key.converter': 'org.apache.kafka.connect.storage.StringConverter', 'value.converter': 'org.apache.kafka.connect.storage.StringConverter' };
const SINK: Config = { name: 'sink-connector', 'connector.class': 'FileStreamSink', file: '/dev/null', topics: 't1', ...STRINGS };
const SOURCE: Config = { name: 'source-connector', 'connector.class': 'FileStreamSource', file: '/dev/null', topic: 't1', ...STRINGS };
const { topics: _topics, ...NO_TOPICS } = SINK;
const NO_PLUGIN_FOR_IT = 'org.apache.kafka.connect.file.FileStreamSinkConnector';
const FILTER = 'org.apache.kafka.connect.transforms.Filter';
const TOMBSTONE = 'org.apache.kafka.connect.transforms.predicates.RecordIsTombstone';

interface Infos {
  readonly error_count: number;
  readonly configs: readonly { readonly value: { readonly name: string; readonly errors: readonly string[] } }[];
}

/** Settings with errors, each as often as it has some. */
async function faults(config: Config): Promise<string[]> {
  const { status, body, text } = await cluster.settled('PUT', `/connector-plugins/${config['connector.class']}/config/validate`, { body: config });
  if (status !== 200) throw new Error(`validation answered ${status}: ${text}`);
  const { error_count, configs } = body as Infos;
  const found = configs.flatMap(({ value }) => value.errors.map(() => value.name));
  expect(error_count).toBe(found.length);
  return found.sort();
}

/** In the order of Apache's ConnectorValidationIntegrationTest; by name, config and the settings at fault. */
const ANYWHERE: readonly (readonly [string, Config, readonly string[]])[] = [
  ['a sink with neither topics nor a pattern', NO_TOPICS, ['topics', 'topics.regex']],
  ['a sink with both', { ...SINK, 'topics.regex': 'r.*' }, ['topics', 'topics.regex']],
  ['a dead-letter topic among the topics', { ...SINK, 'errors.deadletterqueue.topic.name': 't1' }, ['topics']],
  ['a dead-letter topic that the pattern matches', { ...NO_TOPICS, 'topics.regex': 'r.*', 'errors.deadletterqueue.topic.name': 'ruh.roh' }, ['topics.regex']],
  ['a topic creation group twice', { ...SOURCE, 'topic.creation.groups': 'g1, g2, g1', 'topic.creation.default.partitions': '1', 'topic.creation.default.replication.factor': '-1', 'topic.creation.g1.include': 'a', 'topic.creation.g2.include': 'b' }, ['topic.creation.groups']],
  ['a transformation twice', { ...SINK, transforms: 't, t', 'transforms.t.type': FILTER }, ['transforms']],
  ['a transformation that is not there', { ...SINK, transforms: 't', 'transforms.t.type': 'WheresTheFruit' }, ['transforms.t.type']],
  ['a transformation that is something else', { ...SINK, transforms: 't', 'transforms.t.type': NO_PLUGIN_FOR_IT }, ['transforms.t.type']],
  ['the opposite of no predicate', { ...SINK, transforms: 't', 'transforms.t.type': FILTER, 'transforms.t.negate': 'true' }, ['transforms.t.type']],
  ['a predicate twice', { ...SINK, predicates: 'p, p', 'predicates.p.type': TOMBSTONE }, ['predicates']],
  ['a predicate that is not there', { ...SINK, predicates: 'p', 'predicates.p.type': 'WheresTheFruit' }, ['predicates.p.type']],
  ['a predicate that is something else', { ...SINK, predicates: 'p', 'predicates.p.type': NO_PLUGIN_FOR_IT }, ['predicates.p.type']],
  ['a converter that is not there', { ...SINK, 'key.converter': 'WheresTheFruit' }, ['key.converter']],
  ['a converter that is something else', { ...SINK, 'key.converter': NO_PLUGIN_FOR_IT }, ['key.converter']],
  ['a header converter that is not there', { ...SINK, 'header.converter': 'WheresTheFruit' }, ['header.converter']],
  ['a header converter that is something else', { ...SINK, 'header.converter': NO_PLUGIN_FOR_IT }, ['header.converter']],
  ['a sink as it should be', SINK, []],
  ['a source as it should be', SOURCE, []],
];

const WITH_OUR_PLUGINS: typeof ANYWHERE = [
  ['a sink whose group would be the workers’ own', { ...SINK, name: 'worker-group-id' }, ['name']],
  ['a sink that asks for the workers’ own group', { ...SINK, 'consumer.override.group.id': GROUP }, ['consumer.override.group.id']],
  ...['key.converter', 'header.converter'].flatMap((key): typeof ANYWHERE => {
    const suffix = key === 'header.converter' ? 'HeaderConverter' : 'Converter';
    return [
      [`${key}: nothing that could be made`, { ...SINK, [key]: `test.No${suffix}` }, [key]],
      [`${key}: without its module`, { ...SINK, [key]: `test.Lost${suffix}` }, [key]],
      [`${key}: throws when it is made`, { ...SINK, [key]: `test.Throwing${suffix}` }, [key]],
      [`${key}: a wrong setting of its own`, { ...SINK, [key]: `test.Checking${suffix}`, [`${key}.prop`]: 'notaboolean' }, [`${key}.prop`]],
      [`${key}: without a definition of settings`, { ...SINK, [key]: `test.Silent${suffix}` }, []],
    ];
  }),
  ['a transformation that throws when it is made', { ...SINK, transforms: 't', 'transforms.t.type': 'test.ThrowingTransformation' }, ['transforms.t.type']],
];

describe('25 validation finds', () => {
  it.each(ANYWHERE)('%s', async (_, config, expected) => expect(await faults(config)).toEqual(expected));
  ownIt.each(WITH_OUR_PLUGINS)('%s', async (_, config, expected) => expect(await faults(config)).toEqual(expected));
});

describe('25 what a config provider gives does not leak', () => {
  const word = (): string => `\${file:${cluster.file('secrets.properties')}:word}`;
  const pattern = (): string => `\${file:${cluster.file('secrets.properties')}:pattern}`;

  ownIt.each<[string, () => Config, readonly string[]]>([
    ['as a number', () => ({ ...SINK, 'tasks.max': word() }), ['tasks.max']],
    ['as a converter', () => ({ ...SINK, 'key.converter': word() }), ['key.converter']],
    ['as a transformation', () => ({ ...SINK, transforms: 't', 'transforms.t.type': word() }), ['transforms.t.type']],
    ['as a pattern that is none', () => ({ ...NO_TOPICS, 'topics.regex': pattern() }), ['topics.regex']],
    ['as a topic that is the dead-letter topic', () => ({ ...SINK, topics: word(), 'errors.deadletterqueue.topic.name': word() }), ['topics']],
  ])('%s', async (_, config, expected) => {
    if (isForeign) return;
    const given = config();
    const { text } = await cluster.settled('PUT', `/connector-plugins/FileStreamSink/config/validate`, { body: given });
    expect(text).not.toContain(SECRET);
    expect(await faults(given)).toEqual(expected);
    const refused = await cluster.settled('POST', '/connectors', { body: { name: given.name, config: given } });
    expect(refused.status).toBe(400);
    expect(refused.text).not.toContain(SECRET);
    expect(cluster.logLines.join('')).not.toContain(SECRET);
  });
});
