import { OperationalError, type CompressionType } from '@millrace/foundation';
import { boolean, integer, oneOf, only, parseProperties, string, type Properties, type PropertyTable } from '../config/properties.js';
import type { KafkaClient } from '../cluster/kafka-client.js';
import type { KafkaClientOptions } from '../cluster/client-options.js';
import type { Partitioner } from './partitioner.js';

/** Java's producer settings, in camelCase; the defaults are Java's. */
export interface ProducerSettings {
  /** `all` is -1. */
  readonly acks?: -1 | 0 | 1;
  /** Default true; off by itself where acks or retries rule it out. */
  readonly enableIdempotence?: boolean;
  /** Bytes of a batch, before compression. */
  readonly batchSize?: number;
  readonly lingerMs?: number;
  readonly maxInFlightRequestsPerConnection?: number;
  /** From `append` or `send` to the answer, everything included. */
  readonly deliveryTimeoutMs?: number;
  readonly requestTimeoutMs?: number;
  readonly retries?: number;
  readonly retryBackoffMs?: number;
  readonly retryBackoffMaxMs?: number;
  readonly compressionType?: CompressionType;
  readonly compressionLevel?: number;
  /** Bytes that may wait in this process. */
  readonly bufferMemory?: number;
  /** Largest record, and largest request. */
  readonly maxRequestSize?: number;
  /** How long `send` may wait for metadata and for room. */
  readonly maxBlockMs?: number;
  readonly partitioner?: Partitioner;
}

export type ProducerOptions = ProducerSettings & (KafkaClientOptions | { /** Shared with others; not closed by the producer. */ readonly client: KafkaClient });

export interface ResolvedProducerSettings extends Required<Omit<ProducerSettings, 'compressionLevel'>> {
  readonly compressionLevel: number | undefined;
}

/** Throws OperationalError INVALID_CONFIG for settings that exclude each other, as Java does. */
export function resolveProducerSettings(options: ProducerSettings): ResolvedProducerSettings {
  const maxInFlight = options.maxInFlightRequestsPerConnection ?? 5;
  const acks = options.acks ?? -1;
  const retries = options.retries ?? 2_147_483_647;
  const conflict = acks !== -1 ? 'acks must be all' : retries === 0 ? 'retries must be above 0' : maxInFlight > 5 ? 'max.in.flight.requests.per.connection must be at most 5' : undefined;
  if (options.enableIdempotence === true && conflict !== undefined) throw new OperationalError('INVALID_CONFIG', `enable.idempotence: to use the idempotent producer, ${conflict}`);
  const lingerMs = options.lingerMs ?? 5;
  const requestTimeoutMs = options.requestTimeoutMs ?? 30_000;
  const deliveryTimeoutMs = options.deliveryTimeoutMs ?? Math.max(120_000, lingerMs + requestTimeoutMs);
  if (deliveryTimeoutMs < lingerMs + requestTimeoutMs) throw new OperationalError('INVALID_CONFIG', 'delivery.timeout.ms should be equal to or larger than linger.ms + request.timeout.ms');
  return {
    acks,
    enableIdempotence: options.enableIdempotence ?? conflict === undefined,
    batchSize: options.batchSize ?? 16_384,
    lingerMs,
    maxInFlightRequestsPerConnection: maxInFlight,
    deliveryTimeoutMs,
    requestTimeoutMs,
    retries,
    retryBackoffMs: options.retryBackoffMs ?? 100,
    retryBackoffMaxMs: options.retryBackoffMaxMs ?? 1000,
    compressionType: options.compressionType ?? 'none',
    compressionLevel: options.compressionLevel,
    bufferMemory: options.bufferMemory ?? 33_554_432,
    maxRequestSize: options.maxRequestSize ?? 1_048_576,
    maxBlockMs: options.maxBlockMs ?? 60_000,
    partitioner: options.partitioner ?? 'default',
  };
}

type TextSettings = Omit<ProducerSettings, 'acks' | 'partitioner' | 'compressionLevel'> & ClientText & { acks?: string; partitioner?: string; partitionerIgnoreKeys?: boolean; gzipLevel?: number; zstdLevel?: number; securityProtocol?: string; connectTimeoutMs?: number };

export interface ClientText {
  readonly bootstrapServers?: string;
  readonly clientId?: string;
  readonly reconnectBackoffMs?: number;
  readonly reconnectBackoffMaxMs?: number;
  readonly metadataMaxAgeMs?: number;
  readonly connectionsMaxIdleMs?: number;
}

export const CLIENT_PROPERTIES: PropertyTable<ClientText> = {
  bootstrapServers: string('bootstrap.servers'),
  clientId: string('client.id'),
  reconnectBackoffMs: integer('reconnect.backoff.ms'),
  reconnectBackoffMaxMs: integer('reconnect.backoff.max.ms'),
  metadataMaxAgeMs: integer('metadata.max.age.ms'),
  connectionsMaxIdleMs: integer('connections.max.idle.ms', -1),
};

const PROPERTIES: PropertyTable<TextSettings> = {
  ...CLIENT_PROPERTIES,
  acks: oneOf('acks', ['all', '-1', '0', '1']),
  enableIdempotence: boolean('enable.idempotence'),
  batchSize: integer('batch.size'),
  lingerMs: integer('linger.ms'),
  maxInFlightRequestsPerConnection: integer('max.in.flight.requests.per.connection', 1),
  deliveryTimeoutMs: integer('delivery.timeout.ms'),
  requestTimeoutMs: integer('request.timeout.ms'),
  retries: integer('retries', 0, 2_147_483_647),
  retryBackoffMs: integer('retry.backoff.ms'),
  retryBackoffMaxMs: integer('retry.backoff.max.ms'),
  compressionType: oneOf('compression.type', ['none', 'gzip', 'snappy', 'lz4', 'zstd']),
  gzipLevel: integer('compression.gzip.level', -1, 9),
  zstdLevel: integer('compression.zstd.level', -131_072, 22),
  bufferMemory: integer('buffer.memory'),
  maxRequestSize: integer('max.request.size'),
  maxBlockMs: integer('max.block.ms'),
  partitioner: oneOf('partitioner.class', ['default', 'roundRobin'], { 'org.apache.kafka.clients.producer.RoundRobinPartitioner': 'roundRobin' }),
  partitionerIgnoreKeys: boolean('partitioner.ignore.keys'),
  connectTimeoutMs: integer('socket.connection.setup.timeout.ms'),
  securityProtocol: only('security.protocol', 'PLAINTEXT'),
};

/**
 * Options from Java's keys (`linger.ms`) or their camelCase forms, values as texts or as they are. Throws OperationalError
 * INVALID_CONFIG, naming the key. Unknown keys go to `onUnknown`: Java warns of them and goes on.
 */
export function producerOptionsFrom(properties: Properties, onUnknown?: (key: string) => void): ProducerSettings & Partial<KafkaClientOptions> {
  const { acks, partitioner, partitionerIgnoreKeys, gzipLevel, zstdLevel, securityProtocol, connectionsMaxIdleMs, ...rest } = parseProperties<TextSettings>(properties, PROPERTIES, onUnknown);
  const compressionLevel = rest.compressionType === 'gzip' ? gzipLevel : rest.compressionType === 'zstd' ? zstdLevel : undefined;
  return {
    ...rest,
    ...(connectionsMaxIdleMs === undefined ? {} : { connectionsMaxIdleMs: connectionsMaxIdleMs < 0 ? Number.POSITIVE_INFINITY : connectionsMaxIdleMs }),
    ...(acks === undefined ? {} : { acks: acks === 'all' ? -1 : (Number(acks) as -1 | 0 | 1) }),
    ...(compressionLevel === undefined ? {} : { compressionLevel }),
    ...(partitionerIgnoreKeys === true ? { partitioner: 'sticky' as const } : partitioner === undefined ? {} : { partitioner: partitioner as unknown as Partitioner }),
  };
}
