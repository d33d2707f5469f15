import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { effectiveTopicConfig, effectiveTopicConfigs, TOPIC_CONFIGS, topicConfigKey, topicConfigProblem, type BrokerConfigLayers } from '../src/index.js';

/** What Apache Kafka 4.3.1 says, printed by its own LogConfig. */
function rows(file: string): string[][] {
  return readFileSync(join(__dirname, file), 'utf8').replace(/\n$/, '').split('\n').map((it) => it.split('\t'));
}

describe('the settings of topics', () => {
  it('are those of Kafka: names, types, defaults, broker synonyms', () => {
    const ours = TOPIC_CONFIGS.map((it) => [it.name, it.type, it.defaultValue, it.synonyms.map((synonym) => synonym.name).join(',')]);
    expect(ours).toEqual(rows('kafka-topic-configs.tsv'));
  });

  // Kafka refuses tiered storage in the broker's own check, which knows that the broker has none.
  it.each(rows('kafka-config-problems.tsv').filter(([settings]) => settings !== 'remote.storage.enable=true'))('%s: %s', (settings = '', verdict = '') => {
    const configs = new Map(settings.split('&').map((it) => [it.slice(0, it.indexOf('=')), it.slice(it.indexOf('=') + 1)] as const));
    expect(topicConfigProblem(configs) ?? 'ok').toBe(verdict);
  });

  it('refuses tiered storage', () => {
    expect(topicConfigProblem(new Map([['remote.storage.enable', 'true']]))).toMatch(/Tiered Storage functionality is disabled/);
  });
});

describe('settings in force', () => {
  const none: BrokerConfigLayers = { dynamicBroker: new Map(), dynamicDefault: new Map(), static: new Map() };
  const of = (name: string, overrides: Record<string, string>, broker: Partial<Record<keyof BrokerConfigLayers, Record<string, string>>> = {}) => {
    const key = topicConfigKey(name);
    if (key === undefined) throw new Error(name);
    const layers = Object.fromEntries(Object.entries(none).map(([layer]) => [layer, new Map(Object.entries(broker[layer as keyof BrokerConfigLayers] ?? {}))])) as unknown as BrokerConfigLayers;
    const { value, source, synonyms } = effectiveTopicConfig(key, new Map(Object.entries(overrides)), layers);
    return { value, source, synonyms: synonyms.map((it) => `${it.source}:${it.name}=${it.value}`) };
  };

  it('come from the topic, then the broker, then the default, and every source is told', () => {
    expect(of('segment.bytes', { 'segment.bytes': '2000000' }, { dynamicBroker: { 'log.segment.bytes': '3000000' }, static: { 'log.segment.bytes': '4000000' } })).toEqual({
      value: '2000000',
      source: 'DYNAMIC_TOPIC',
      synonyms: ['DYNAMIC_TOPIC:segment.bytes=2000000', 'DYNAMIC_BROKER:log.segment.bytes=3000000', 'STATIC_BROKER:log.segment.bytes=4000000', 'DEFAULT:log.segment.bytes=1073741824'],
    });
    expect(of('segment.bytes', {}, { dynamicDefault: { 'log.segment.bytes': '3000000' } })).toEqual({
      value: '3000000',
      source: 'DYNAMIC_DEFAULT_BROKER',
      synonyms: ['DYNAMIC_DEFAULT_BROKER:log.segment.bytes=3000000', 'DEFAULT:log.segment.bytes=1073741824'],
    });
  });

  it('count hours and minutes of the broker; Kafka shows no source for them', () => {
    expect(of('retention.ms', {}, { static: { 'log.retention.hours': '1' } })).toEqual({ value: '3600000', source: 'DEFAULT', synonyms: [] });
    expect(of('retention.ms', {}, { static: { 'log.retention.hours': '1', 'log.retention.minutes': '2' } }).value).toBe('120000');
    expect(of('retention.ms', {}, { static: { 'log.retention.hours': '-1' } }).value).toBe('-1');
    expect(of('retention.ms', {}, { static: { 'log.retention.ms': '5', 'log.retention.hours': '1' } })).toEqual({ value: '5', source: 'STATIC_BROKER', synonyms: ['STATIC_BROKER:log.retention.ms=5', 'STATIC_BROKER:log.retention.hours=1'] });
    expect(of('retention.ms', {})).toEqual({ value: '604800000', source: 'DEFAULT', synonyms: [] });
  });

  it('are all there', () => expect(effectiveTopicConfigs(new Map(), none)).toHaveLength(TOPIC_CONFIGS.length));
});
