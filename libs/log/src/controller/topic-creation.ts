import { topicNameProblem } from '@millrace/metadata';
import { ErrorCode, ProtocolError, type CreateTopicsRequest } from '@millrace/protocol';
import type { MetadataImage } from '@millrace/metadata';
import type { BrokerConfig } from '../config/broker-config.js';
import { CONSUMER_OFFSETS } from '../internal-topics.js';
import type { ControllerDriver } from './controller-driver.js';

const AUTO_CREATE_TIMEOUT_MS = 30_000;

/** Topics that come into being because somebody asked for them. */
export class TopicCreation {
  constructor(
    private readonly config: BrokerConfig,
    private readonly image: MetadataImage,
    private readonly controller: ControllerDriver,
  ) {}

  /** What is answered for a topic that is not there. */
  missingError(name: string): number {
    return topicNameProblem(name) === null ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : ErrorCode.INVALID_TOPIC_EXCEPTION;
  }

  /** Creates those of the topics that can be; gives the error code for the others. */
  async createMissing(names: readonly string[]): Promise<Map<string, number>> {
    const errors = new Map<string, number>();
    const topics = names.filter((it) => this.missingError(it) === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION).map((it) => this.topicRequest(it));
    if (topics.length === 0) return errors;
    try {
      const response = await this.controller.submit((controller, moment) => controller.createTopics(moment, { topics, timeoutMs: AUTO_CREATE_TIMEOUT_MS, validateOnly: false }));
      for (const { name, errorCode } of response.topics) {
        if (errorCode !== undefined && errorCode !== ErrorCode.NONE && errorCode !== ErrorCode.TOPIC_ALREADY_EXISTS) errors.set(name, errorCode);
      }
      // Another request made it a moment ago: it is there when that one is committed.
      if (response.topics.some((it) => it.errorCode === ErrorCode.TOPIC_ALREADY_EXISTS)) await this.controller.settled();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      for (const { name } of topics) errors.set(name, ErrorCode.LEADER_NOT_AVAILABLE);
    }
    return errors;
  }

  private topicRequest(name: string): CreateTopicsRequest.Topic {
    if (name !== CONSUMER_OFFSETS) return { name, numPartitions: -1, replicationFactor: -1, assignments: [], configs: [] };
    const brokers = [...this.image.brokers.values()].filter((it) => !it.isFenced).length;
    return {
      name,
      numPartitions: this.config.get('offsets.topic.num.partitions'),
      // A cluster that is smaller than the setting would never have a coordinator otherwise.
      replicationFactor: Math.max(1, Math.min(this.config.get('offsets.topic.replication.factor'), brokers)),
      assignments: [],
      configs: [
        { name: 'cleanup.policy', value: 'compact' },
        { name: 'compression.type', value: 'producer' },
        { name: 'segment.bytes', value: String(this.config.get('offsets.topic.segment.bytes')) },
      ],
    };
  }
}
