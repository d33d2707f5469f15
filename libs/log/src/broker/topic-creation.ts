import { hasCode } from '@millrace/foundation';
import { topicNameProblem } from '@millrace/metadata';
import { CreateTopics, ErrorCode, type CreateTopicsRequestInput } from '@millrace/protocol';
import type { BrokerConfig } from '../config/broker-config.js';
import { CONSUMER_OFFSETS } from '../internal-topics.js';
import type { ControllerChannel } from '../controller/controller-channel.js';
import type { ImageFollower } from './image-follower.js';

const AUTO_CREATE_TIMEOUT_MS = 30_000;
/** A cluster needs a moment to tell all its brokers. */
const FOLLOW_TIMEOUT_MS = 5000;

/** Topics that come into being because somebody asked for them. */
export class TopicCreation {
  constructor(
    private readonly config: BrokerConfig,
    private readonly follower: ImageFollower,
    private readonly controller: ControllerChannel,
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
      const response = await this.controller.request(CreateTopics, { topics, timeoutMs: AUTO_CREATE_TIMEOUT_MS, validateOnly: false }, { timeoutMs: AUTO_CREATE_TIMEOUT_MS });
      for (const { name, errorCode } of response.topics) {
        if (errorCode !== ErrorCode.NONE && errorCode !== ErrorCode.TOPIC_ALREADY_EXISTS) errors.set(name, errorCode);
      }
      const made = topics.filter((it) => !errors.has(it.name));
      // Invariant 5: whoever made it, this broker answers with it when it has followed it.
      const isFollowed = await this.follower.until((image) => made.every((it) => image.topic(it.name) !== undefined), FOLLOW_TIMEOUT_MS);
      if (!isFollowed) for (const { name } of made) if (this.follower.image.topic(name) === undefined) errors.set(name, ErrorCode.LEADER_NOT_AVAILABLE);
    } catch (error) {
      if (!hasCode(error, 'NO_CONTROLLER')) throw error;
      for (const { name } of topics) errors.set(name, ErrorCode.LEADER_NOT_AVAILABLE);
    }
    return errors;
  }

  private topicRequest(name: string): CreateTopicsRequestInput.Topic {
    if (name !== CONSUMER_OFFSETS) return { name, numPartitions: -1, replicationFactor: -1, assignments: [], configs: [] };
    const brokers = [...this.follower.image.brokers.values()].filter((it) => !it.isFenced).length;
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
