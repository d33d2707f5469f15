import type { ConnectLogger, FollowTopicOptions } from '@millrace/connect-api';
import { consumerOptionsFrom, KafkaClient, producerOptionsFrom, type ConsumerOptions, type KafkaClientOptions, type ProducerOptions } from '@millrace/client';
import type { Logger } from '@millrace/foundation';
import type { StringMap } from '../rest/shapes.js';

/**
 * A source task's producer: never gives up by itself, sends at once when the line is free. Java's Connect has one request in flight
 * without idempotence; here five with idempotence, which keeps the order as well and is faster.
 */
const SOURCE_PRODUCER: StringMap = {
  acks: 'all',
  'enable.idempotence': 'true',
  'max.in.flight.requests.per.connection': '5',
  'linger.ms': '0',
  'batch.size': '262144',
  'buffer.memory': '67108864',
  'max.request.size': '1048576',
  'delivery.timeout.ms': '2147483647',
  'max.block.ms': '9007199254740991',
};

/** Internal topics: one producer per topic log, the same guarantees. */
const LOG_PRODUCER: StringMap = { ...SOURCE_PRODUCER, 'batch.size': '16384', 'buffer.memory': '33554432', 'delivery.timeout.ms': '120000', 'max.block.ms': '60000' };

/** Settings by Kafka's names that this client does not know are told in the log and left out, as Java does. */
export function producerSettings(config: StringMap, logger: ConnectLogger): ProducerOptions {
  return withServers(config, producerOptionsFrom({ ...SOURCE_PRODUCER, ...config }, (key) => logger.debug({ key }, 'a producer setting is not known')));
}

/**
 * A sink task's consumer. Larger batches than Java's 500 records; they are put as soon as there is one record. A session as long as a
 * worker's own: after a crash the partitions are free when the task is started anew.
 */
const SINK_CONSUMER: StringMap = { 'max.poll.records': '5000', 'session.timeout.ms': '10000', 'enable.auto.commit': 'false', 'auto.offset.reset': 'earliest' };

export function sinkConsumerSettings(config: StringMap, task: number, logger: ConnectLogger): ConsumerOptions {
  const instanceId = config['group.instance.id'];
  // Tasks with one name would throw each other out of their group for ever.
  const named = instanceId === undefined ? {} : { 'group.instance.id': `${instanceId}-${task}` };
  return withServers(config, consumerOptionsFrom({ ...SINK_CONSUMER, ...config, ...named }, (key) => logger.debug({ key }, 'a consumer setting is not known')));
}

/** A followed topic's consumer: its group, start and commits are fixed, the rest may be set. */
export function followerSettings(config: StringMap, { groupId, startAt }: Pick<FollowTopicOptions, 'groupId' | 'startAt'>, logger: ConnectLogger): ConsumerOptions {
  const fixed = { 'group.id': groupId, 'auto.offset.reset': startAt, 'enable.auto.commit': 'false' };
  return withServers(config, consumerOptionsFrom({ 'session.timeout.ms': '10000', ...config, ...fixed }, (key) => logger.debug({ key }, 'a consumer setting is not known')));
}

export function logConsumerSettings(config: StringMap, logger: Logger): ConsumerOptions {
  const fixed = { 'enable.auto.commit': 'false', 'auto.offset.reset': 'earliest' };
  return withServers(config, consumerOptionsFrom({ ...config, ...fixed }, (key) => logger.debug({ key }, 'a consumer setting is not known')));
}

export function logProducerSettings(config: StringMap, logger: Logger): ProducerOptions {
  return withServers(config, producerOptionsFrom({ ...LOG_PRODUCER, ...config }, (key) => logger.debug({ key }, 'a producer setting is not known')));
}

/** A client for admin requests and the group. */
export function kafkaClient(config: StringMap, logger?: Logger): KafkaClient {
  return new KafkaClient({ ...withServers(config, producerOptionsFrom(clientOnly(config), () => undefined)), logger });
}

/** Settings that are the same for every kind of client. */
function clientOnly(config: StringMap): StringMap {
  const names = /^(bootstrap\.servers|client\.id|security\.protocol|request\.timeout\.ms|retry\.backoff|reconnect\.backoff|metadata\.max\.age\.ms|connections\.max\.idle\.ms|socket\.)/;
  return { 'delivery.timeout.ms': '2147483647', ...Object.fromEntries(Object.entries(config).filter(([key]) => names.test(key))) };
}

function withServers<T extends Partial<KafkaClientOptions>>(config: StringMap, options: T): T & KafkaClientOptions {
  return { ...options, bootstrapServers: config['bootstrap.servers'] ?? 'localhost:9092' };
}
