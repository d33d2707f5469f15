import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { ConfigKey } from '@millrace/connect-api';
import { SILENT_LOGGER } from '@millrace/foundation';
import { ConfigProviders } from '../config-providers/config-providers.js';
import { PluginCatalog } from '../plugins/plugin-catalog.js';
import type { ConfigPatch } from '../rest/shapes.js';
import { SINK_CONFIG, SOURCE_CONFIG } from './connector-config.js';
import { Planning } from '../herder/planning-calls.js';
import { ConnectorValidator } from './connector-validator.js';
import { topicCreationGroups } from './topic-creation.js';
import { WORKER_CONFIG } from './worker-config.js';

const BASE = { 'group.id': 'g', 'config.storage.topic': 'c', 'offset.storage.topic': 'o', 'status.storage.topic': 's', 'key.converter': 'Json', 'value.converter': 'Json' };
const catalog = PluginCatalog.discover({ pluginPath: [path.join(__dirname, '../../test/plugins')], roots: [], logger: SILENT_LOGGER });

function validator(over: Record<string, string> = {}): ConnectorValidator {
  return new ConnectorValidator(catalog, WORKER_CONFIG.parse({ ...BASE, ...over }), 'g', ConfigProviders.of(over), new Planning({ isThread: false, heapMaxMb: 64, logger: SILENT_LOGGER }));
}

async function errors(config: ConfigPatch, over: Record<string, string> = {}): Promise<Record<string, readonly string[]>> {
  const infos = await validator(over).validate(config);
  return Object.fromEntries(infos.configs.filter((it) => it.value.errors.length > 0).map((it) => [it.value.name, it.value.errors]));
}

const source = { name: 'a', 'connector.class': 'CountingSource', topic: 't' };
const sink = { name: 'a', 'connector.class': 'Collector', topics: 't', file: 'f' };

describe('worker config', () => {
  it('has Kafka’s names and defaults, and names what is wrong', () => {
    expect(WORKER_CONFIG.parse(BASE)).toMatchObject({ 'session.timeout.ms': 10000, 'offset.storage.partitions': 25, 'scheduled.rebalance.max.delay.ms': 300000, 'offset.flush.interval.ms': 60000, 'task.isolation': 'thread' });
    expect(() => WORKER_CONFIG.parse({ ...BASE, 'group.id': null } as never)).toThrow('Missing required configuration "group.id" which has no default value.');
    expect(() => WORKER_CONFIG.parse({ ...BASE, 'connector.client.config.override.policy': 'Maybe' })).toThrow(/There is no such override policy/);
  });
});

describe('settings', () => {
  const root = path.join(__dirname, '..');
  const definitions = ['connector-config.ts', 'worker-config.ts'];
  const readers = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((it) => it.endsWith('.ts') && !/spec\.ts$|bench\.ts$/.test(it) && !definitions.includes(path.basename(it)))
    .map((it) => readFileSync(path.join(root, it), 'utf8'));
  // Internal topics (`topicLog`), Kafka client settings (`clientOnly`), topic creation groups, transformations: names put together from parts.
  // No provider of ours gives values that end, so there is nothing to reload.
  const readByPrefix = /^(config|offset|status)\.storage\.(topic|replication\.factor)$|^(request\.timeout|retry\.backoff|metadata\.max\.age)\.ms$|^topic\.creation\.groups$|^transforms$|^predicates$|^config\.action\.reload$/;

  it.each([
    ['source', SOURCE_CONFIG],
    ['sink', SINK_CONFIG],
    ['worker', WORKER_CONFIG],
  ])('of a %s have an effect, or only their default is accepted', (_of, def) => {
    const keys: Readonly<Record<string, ConfigKey<never>>> = def.keys;
    const idle = Object.keys(keys).filter((name) => keys[name]?.onlyDefault !== true && !readByPrefix.test(name) && !readers.some((it) => it.includes(`'${name}'`)));
    expect(idle).toEqual([]);
  });
});

describe('connector validation', () => {
  it('accepts what is right and tolerates unknown settings', async () => {
    expect(await errors({ ...source, whatever: 'x' })).toEqual({});
    expect(await errors(sink)).toEqual({});
  });

  it('has Connect’s shape', async () => {
    const infos = await validator().validate(source);
    expect(infos).toMatchObject({ name: 'CountingSource', error_count: 0 });
    expect(infos.groups.slice(0, 4)).toEqual(['Common', 'Transforms', 'Predicates', 'Error Handling']);
    expect(infos.configs.find((it) => it.value.name === 'tasks.max')).toEqual({
      definition: { name: 'tasks.max', type: 'INT', required: false, default_value: '1', importance: 'HIGH', documentation: expect.any(String) as string, group: 'Common', order_in_group: 4, width: 'SHORT', display_name: 'Tasks max', dependents: [], order: 4 },
      value: { name: 'tasks.max', value: '1', recommended_values: [], errors: [], visible: true },
    });
  });

  it('puts each error at its key', async () => {
    expect(await errors({ ...source, name: null })).toHaveProperty('name');
    expect(await errors({ ...source, 'tasks.max': '0', 'batch.size': 'x' })).toEqual({ 'tasks.max': ['Invalid value 0 for configuration tasks.max: Value must be at least 1'], 'batch.size': ['Invalid value x for configuration batch.size: Not a number of type INT'] });
    expect(await errors({ ...source, 'errors.tolerance': 'some', predicates: 'p' })).toEqual({
      'errors.tolerance': ['Invalid value some for configuration errors.tolerance: String must be one of: none, all'],
      'predicates.p.type': ['Missing required configuration "predicates.p.type" which has no default value.'],
    });
    expect(await errors({ ...source, 'value.converter': 'Nope' })).toEqual({ 'value.converter': ['Invalid value Nope for configuration value.converter: Class Nope could not be found.'] });
    expect(Object.keys(await errors({ ...source, 'value.converter': 'Json', 'value.converter.schemas.enable': 'maybe' }))).toEqual(['value.converter.schemas.enable']);
    expect(Object.keys(await errors({ ...sink, topics: '' }))).toEqual(['topics', 'topics.regex']);
    expect(await errors({ ...sink, 'consumer.override.group.id': 'g' })).toHaveProperty(['consumer.override.group.id']);
    await expect(validator().validate({ name: 'a' })).rejects.toMatchObject({ status: 400 });
  });

  it('asks the override policy', async () => {
    const config = { ...source, 'producer.override.linger.ms': '5', 'producer.override.sasl.mechanism': 'PLAIN' };
    expect(await errors(config)).toEqual({});
    expect(Object.keys(await errors(config, { 'connector.client.config.override.policy': 'None' }))).toEqual(['producer.override.linger.ms', 'producer.override.sasl.mechanism']);
    expect(Object.keys(await errors(config, { 'connector.client.config.override.policy': 'Principal' }))).toEqual(['producer.override.linger.ms']);
    expect(Object.keys(await errors(config, { 'connector.client.config.override.policy': 'Allowlist', 'connector.client.config.override.allowlist': 'linger.ms' }))).toEqual(['producer.override.sasl.mechanism']);
  });
});

describe('topic creation groups', () => {
  it('come in their order, the default last, and inherit from it', () => {
    const { groups, problems } = topicCreationGroups({
      'topic.creation.groups': 'big, logs',
      'topic.creation.default.replication.factor': '-1',
      'topic.creation.default.partitions': '3',
      'topic.creation.big.include': 'big.*,huge',
      'topic.creation.big.exclude': 'big-no',
      'topic.creation.big.partitions': '12',
      'topic.creation.logs.include': 'log-.*',
      'topic.creation.logs.cleanup.policy': 'compact',
    });
    expect(problems).toEqual([]);
    const of = (topic: string): string | undefined => groups.find((it) => it.matches(topic))?.name;
    expect([of('big-1'), of('huge'), of('big-no'), of('log-a'), of('else')]).toEqual(['big', 'big', 'default', 'logs', 'default']);
    expect(groups.map((it) => [it.name, it.partitions, it.replicationFactor])).toEqual([['big', 12, -1], ['logs', 3, -1], ['default', 3, -1]]);
    expect(groups[1]?.configs).toEqual({ 'cleanup.policy': 'compact' });
  });

  it('need their defaults', () => {
    expect(topicCreationGroups({ 'topic.creation.default.partitions': '0' }).problems.map((it) => it.key)).toEqual(['topic.creation.default.replication.factor', 'topic.creation.default.partitions']);
  });
});
