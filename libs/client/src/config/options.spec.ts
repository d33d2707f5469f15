import { consumerOptionsFrom, resolveConsumerSettings } from '../consumer/consumer-options.js';
import { producerOptionsFrom, resolveProducerSettings } from '../producer/producer-options.js';
import { parseBootstrapServers } from '../cluster/client-options.js';

describe('producerOptionsFrom', () => {
  it("reads Java's keys and their camelCase forms, as texts or values", () => {
    const unknown: string[] = [];
    const options = producerOptionsFrom({ 'linger.ms': '20', batchSize: 1000, acks: 'all', 'compression.type': 'zstd', 'compression.zstd.level': '7', 'enable.idempotence': 'TRUE', 'interceptor.classes': 'x', 'connections.max.idle.ms': '-1', 'partitioner.class': 'org.apache.kafka.clients.producer.RoundRobinPartitioner' }, (key) => unknown.push(key));
    expect(options).toEqual({ lingerMs: 20, batchSize: 1000, acks: -1, compressionType: 'zstd', compressionLevel: 7, enableIdempotence: true, connectionsMaxIdleMs: Number.POSITIVE_INFINITY, partitioner: 'roundRobin' });
    expect(unknown).toEqual(['interceptor.classes']);
    const choose = (): number => 0;
    expect(producerOptionsFrom({ partitioner: choose }).partitioner).toBe(choose);
  });

  it.each([
    ['linger.ms', 'soon'],
    ['linger.ms', '-1'],
    ['acks', '2'],
    ['compression.type', 'rar'],
    ['enable.idempotence', 'yes'],
    ['compression.gzip.level', '12'],
    ['security.protocol', 'SASL_SSL'],
  ])('refuses %s=%s and names the key', (key, value) => {
    expect(() => producerOptionsFrom({ [key]: value })).toThrow(expect.objectContaining({ code: 'INVALID_CONFIG', message: expect.stringContaining(key) }));
  });
});

describe('settings that exclude each other', () => {
  it('switch idempotence off by themselves, and are refused when it was asked for', () => {
    expect(resolveProducerSettings({}).enableIdempotence).toBe(true);
    expect(resolveProducerSettings({ acks: 1 }).enableIdempotence).toBe(false);
    expect(resolveProducerSettings({ maxInFlightRequestsPerConnection: 6 }).enableIdempotence).toBe(false);
    expect(() => resolveProducerSettings({ acks: 0, enableIdempotence: true })).toThrow(/acks must be all/);
    expect(() => resolveProducerSettings({ deliveryTimeoutMs: 100 })).toThrow(/delivery\.timeout\.ms/);
  });

  it('of a consumer are refused as Java refuses them', () => {
    expect(resolveConsumerSettings({}).enableAutoCommit).toBe(false);
    expect(resolveConsumerSettings({ groupId: 'g' }).enableAutoCommit).toBe(true);
    expect(() => resolveConsumerSettings({ enableAutoCommit: true })).toThrow(/enable\.auto\.commit/);
    expect(() => resolveConsumerSettings({ groupId: '' })).toThrow(/group\.id/);
    expect(() => resolveConsumerSettings({ heartbeatIntervalMs: 9, sessionTimeoutMs: 9 })).toThrow(/heartbeat/);
    expect(() => consumerOptionsFrom({ 'partition.assignment.strategy': 'org.example.Mine' })).toThrow(/partition\.assignment\.strategy/);
    expect(() => consumerOptionsFrom({ 'partition.assignment.strategy': 'org.apache.kafka.clients.consumer.range' })).toThrow(/partition\.assignment\.strategy/);
    expect(() => consumerOptionsFrom({ 'group.protocol': 'consumer' })).toThrow(/group\.protocol/);
  });

  it('name assignors as Java does, by class or by protocol', () => {
    const named = (text: string): unknown => consumerOptionsFrom({ 'partition.assignment.strategy': text }).assignors?.map((it) => [it.name, it.isCooperative === true]);
    expect(named('org.apache.kafka.clients.consumer.CooperativeStickyAssignor')).toEqual([['cooperative-sticky', true]]);
    expect(named('range, roundrobin,org.apache.kafka.clients.consumer.StickyAssignor')).toEqual([['range', false], ['roundrobin', false], ['sticky', false]]);
    expect(resolveConsumerSettings({}).assignors.map((it) => it.name)).toEqual(['range', 'cooperative-sticky']);
  });
});

describe('parseBootstrapServers', () => {
  it('reads hosts, addresses of both families and listener names', () => {
    expect(parseBootstrapServers(' a:1, [::1]:9092,PLAINTEXT://b.example:65535,')).toEqual([{ host: 'a', port: 1 }, { host: '::1', port: 9092 }, { host: 'b.example', port: 65535 }]);
  });

  it.each(['', 'a', 'a:', 'a:0', 'a:70000', ':9092', 'a:9092:1'])('refuses %p', (text) => {
    expect(() => parseBootstrapServers(text)).toThrow(expect.objectContaining({ code: 'INVALID_CONFIG' }));
  });
});
