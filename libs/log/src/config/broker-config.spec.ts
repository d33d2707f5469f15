import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TOPIC_CONFIGS } from '@millrace/metadata';
import { BROKER_CONFIG_DEFINITIONS, BrokerConfig } from './broker-config.js';

/** The sources that are no tests. */
function sources(folder: string): string {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((it) => it.endsWith('.ts') && !it.endsWith('spec.ts'));
  return files.map((it) => readFileSync(join(folder, it), 'utf8')).join('\n');
}

describe('BrokerConfig', () => {
  it.each([
    ['process.roles', { 'process.roles': 'broker' }],
    ['process.roles', { 'process.roles': 'controller' }],
    ['process.roles', { 'process.roles': '' }],
    ['controller.quorum.voters', { 'node.id': '3', 'controller.quorum.voters': '1@a:9093' }],
    ['controller.quorum.voters', { 'node.id': '3', 'controller.quorum.voters': '3@a:9093,4@b:9093' }],
    ['controller.quorum.voters', { 'node.id': '3', 'controller.quorum.voters': '3@a:9093,3@b:9093' }],
    ['controller.quorum.voters', { 'node.id': '3', 'controller.quorum.voters': '3' }],
    ['inter.broker.listener.name', { listeners: 'PLAINTEXT://:9092', 'inter.broker.listener.name': 'INTERNAL' }],
  ])('refuses what asks for other nodes: %s of %j', (key, properties) => {
    expect(() => new BrokerConfig(properties as Record<string, string>)).toThrow(expect.objectContaining({ code: 'INVALID_CONFIG', message: expect.stringContaining(`configuration ${key}:`) }));
  });

  it.each([
    {},
    { 'process.roles': 'controller,broker' },
    { 'node.id': '3', 'controller.quorum.voters': '3@localhost:9093' },
    { 'broker.id': '3', 'controller.quorum.voters': '3@[::1]:9093' },
    { listeners: 'INTERNAL://:9092,PLAINTEXT://:9093', 'inter.broker.listener.name': 'internal' },
  ])('takes what one node can be: %j', (properties) => {
    expect(() => new BrokerConfig(properties as Record<string, string>)).not.toThrow();
  });

  it('has a reader for every key', () => {
    const text = sources(join(__dirname, '..'));
    const topicDefaults = new Set(TOPIC_CONFIGS.flatMap((it) => it.synonyms.map((synonym) => synonym.name)));
    const isRead = (key: string): boolean => topicDefaults.has(key) || text.includes(`get('${key}')`);
    expect(Object.keys(BROKER_CONFIG_DEFINITIONS).filter((key) => !isRead(key))).toEqual([]);
  });
});
