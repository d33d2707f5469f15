export { KafkaClient, type Lane, type NodeRequestOptions } from './cluster/kafka-client.js';
export { parseBootstrapServers, type KafkaClientOptions } from './cluster/client-options.js';
export type { BrokerInfo, PartitionInfo, TopicInfo } from './cluster/metadata-cache.js';
export type { Properties } from './config/properties.js';
export { APPEND_FULL, Producer, type ProducerRecord } from './producer/producer.js';
export { producerOptionsFrom, type ProducerOptions, type ProducerSettings } from './producer/producer-options.js';
export type { BatchAck, RecordMetadata } from './producer/producer-batch.js';
export { murmur2, partitionForKey, type Partitioner, type PartitionFunction, type PartitionQuestion } from './producer/partitioner.js';
export { bytesSerializer, integerSerializer, jsonSerializer, longSerializer, stringSerializer, type Serializer } from './serializers.js';
