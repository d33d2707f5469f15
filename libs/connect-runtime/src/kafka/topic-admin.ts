import type { KafkaClient } from '@millrace/client';
import { CreateTopics, DescribeConfigs, ErrorCode, Metadata, ProtocolError } from '@millrace/protocol';

const TOPIC_RESOURCE = 2;
const CREATE_TIMEOUT_MS = 30_000;

export interface NewTopic {
  readonly topic: string;
  /** -1: the broker's default. */
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly configs: Readonly<Record<string, string>>;
}

/** The few admin requests that the runtime needs. */
export class TopicAdmin {
  constructor(private readonly client: KafkaClient) {}

  /** Does not make the topic where brokers make topics by themselves. */
  async exists(topic: string): Promise<boolean> {
    return await this.client.retrying(async () => {
      const { topics } = await this.client.requestAny(Metadata, (version) => ({ topics: [{ name: topic }], ...(version >= 4 ? { allowAutoTopicCreation: false } : {}) }));
      const code = topics[0]?.errorCode ?? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
      if (code === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) return false;
      if (code !== ErrorCode.NONE && code !== ErrorCode.LEADER_NOT_AVAILABLE) throw new ProtocolError(code);
      return true;
    });
  }

  /** False when it was there already. */
  async create({ topic, partitions, replicationFactor, configs }: NewTopic): Promise<boolean> {
    return await this.client.retrying(async () => {
      const response = await this.client.requestController(CreateTopics, () => ({
        topics: [{ name: topic, numPartitions: partitions, replicationFactor, assignments: [], configs: Object.entries(configs).map(([name, value]) => ({ name, value })) }],
        timeoutMs: CREATE_TIMEOUT_MS,
      }));
      const result = response.topics[0];
      if (!result || result.errorCode === ErrorCode.NONE) return true;
      if (result.errorCode === ErrorCode.TOPIC_ALREADY_EXISTS) return false;
      if (result.errorCode === ErrorCode.NOT_CONTROLLER) await this.client.refreshMetadata();
      throw new ProtocolError(result.errorCode, result.errorMessage ?? undefined);
    });
  }

  /** One setting of a topic; undefined where the broker does not say. */
  async topicConfig(topic: string, name: string): Promise<string | undefined> {
    return await this.client.retrying(async () => {
      const response = await this.client.requestAny(DescribeConfigs, () => ({ resources: [{ resourceType: TOPIC_RESOURCE, resourceName: topic, configurationKeys: [name] }] }));
      const result = response.results[0];
      if (result && result.errorCode !== ErrorCode.NONE) throw new ProtocolError(result.errorCode, result.errorMessage ?? undefined);
      return result?.configs.find((it) => it.name === name)?.value ?? undefined;
    });
  }

  async clusterId(): Promise<string> {
    await this.client.retrying(() => this.client.refreshMetadata());
    return this.client.metadata.clusterId ?? '';
  }
}
