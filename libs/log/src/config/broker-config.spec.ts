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
  const TWO = { 'controller.quorum.voters': '3@a:9093,4@b:9093' };
  const THIRD = { 'node.id': '3', 'controller.listener.names': 'CONTROLLER' };

  it.each([
    ['process.roles', { 'process.roles': '' }],
    ['controller.quorum.voters', { 'node.id': '3', 'controller.quorum.voters': '1@a:9093', 'controller.listener.names': 'CONTROLLER', listeners: 'PLAINTEXT://:9092,CONTROLLER://:9093' }],
    ['controller.quorum.voters', { 'node.id': '3', 'controller.quorum.voters': '3@a:9093,3@b:9093' }],
    ['controller.quorum.voters', { 'node.id': '3', 'controller.quorum.voters': '3' }],
    ['controller.quorum.voters', { ...THIRD, ...TWO, 'process.roles': 'broker' }],
    ['controller.quorum.bootstrap.servers', { ...THIRD, 'controller.quorum.bootstrap.servers': 'a' }],
    ['controller.listener.names', { 'node.id': '3', ...TWO }],
    ['controller.listener.names', { 'node.id': '5', ...TWO, 'process.roles': 'broker' }],
    ['controller.listener.names', { ...THIRD, ...TWO, listeners: 'PLAINTEXT://:9092' }],
    ['controller.listener.names', { ...THIRD, ...TWO, 'node.id': '5', 'process.roles': 'broker', listeners: 'PLAINTEXT://:9092,CONTROLLER://:9093' }],
    ['listeners', { ...THIRD, ...TWO, 'process.roles': 'controller', listeners: 'PLAINTEXT://:9092,CONTROLLER://:9093' }],
    ['listeners', { ...THIRD, ...TWO, listeners: 'CONTROLLER://:9093' }],
    ['inter.broker.listener.name', { listeners: 'PLAINTEXT://:9092', 'inter.broker.listener.name': 'INTERNAL' }],
  ])('refuses what Kafka refuses: %s of %j', (key, properties) => {
    expect(() => new BrokerConfig(properties as Record<string, string>)).toThrow(expect.objectContaining({ code: 'INVALID_CONFIG', message: expect.stringContaining(`configuration ${key}:`) }));
  });

  it('wants a quorum for a process that is not its own', () => {
    const properties = { 'process.roles': 'broker', 'controller.listener.names': 'CONTROLLER' };
    expect(() => new BrokerConfig(properties)).toThrow(expect.objectContaining({ code: 'INVALID_CONFIG', message: expect.stringContaining('controller.quorum.bootstrap.servers') }));
  });

  it.each([
    [{}, { isSole: true, controllerListeners: [] }],
    [{ 'process.roles': 'controller,broker' }, { isSole: true }],
    [{ 'node.id': '3', 'controller.quorum.voters': '3@localhost:9093' }, { isSole: true, voters: [{ id: 3, host: 'localhost', port: 9093 }] }],
    [{ 'broker.id': '3', 'controller.quorum.voters': '3@[::1]:9093' }, { isSole: true, voters: [{ id: 3, host: '::1', port: 9093 }] }],
    [{ listeners: 'INTERNAL://:9092,PLAINTEXT://:9093', 'inter.broker.listener.name': 'internal', 'listener.security.protocol.map': 'INTERNAL:PLAINTEXT,PLAINTEXT:PLAINTEXT' }, { isSole: true }],
    [{ ...THIRD, ...TWO, listeners: 'PLAINTEXT://:9092,CONTROLLER://:9093' }, { isSole: false, controllerListeners: [{ name: 'CONTROLLER', host: '', port: 9093 }], clientListeners: [{ name: 'PLAINTEXT', host: '', port: 9092 }] }],
    [{ ...THIRD, ...TWO, 'process.roles': 'controller', listeners: 'CONTROLLER://:9093' }, { isBroker: false, isController: true, clientListeners: [] }],
    [{ ...THIRD, ...TWO, 'node.id': '5', 'process.roles': 'broker' }, { isBroker: true, isController: false, controllerListenerName: 'CONTROLLER' }],
    [{ ...THIRD, 'process.roles': 'broker', 'controller.quorum.bootstrap.servers': 'a:1,b:2' }, { isController: false, bootstrapServers: [{ host: 'a', port: 1 }, { host: 'b', port: 2 }] }],
  ])('reads the roles of %j', (properties, roles) => {
    expect(new BrokerConfig(properties as Record<string, string>).roles).toMatchObject(roles);
  });

  it('has a reader for every key', () => {
    const text = sources(join(__dirname, '..'));
    const topicDefaults = new Set(TOPIC_CONFIGS.flatMap((it) => it.synonyms.map((synonym) => synonym.name)));
    const isRead = (key: string): boolean => topicDefaults.has(key) || text.includes(`get('${key}')`);
    expect(Object.keys(BROKER_CONFIG_DEFINITIONS).filter((key) => !isRead(key))).toEqual([]);
  });
});
