import type { KafkaClient } from '@millrace/client';
import { OperationalError, type Logger } from '@millrace/foundation';
import { ErrorCode, ProtocolError } from '@millrace/protocol';
import { TopicAdmin, type NewTopic } from './topic-admin.js';

const FOREIGN_TOPIC_WAIT_MS = 30_000;
const POLL_MS = 200;

export interface InternalTopicOptions {
  readonly topic: NewTopic;
  /** The setting that names it, for messages. */
  readonly setting: string;
  readonly client: KafkaClient;
  /** How long a replication factor is tried for which there are too few brokers: others may still be starting (default.api.timeout.ms). */
  readonly createTimeoutMs: number;
  /** How long a topic that this worker may not make is waited for; Connect's 30 s by default. */
  readonly waitMs?: number;
  readonly logger: Logger;
}

/** Makes a topic that is compacted and nothing else, or checks that the one that is there is so. Rejects with OperationalError or ProtocolError; brokers never make it by themselves. */
export async function ensureInternalTopic(options: InternalTopicOptions): Promise<void> {
  const { topic, client, logger } = options;
  const admin = new TopicAdmin(client);
  if (!(await admin.exists(topic.topic)) && (await isMade(admin, options))) {
    logger.info({ topic: topic.topic, partitions: topic.partitions, replicationFactor: topic.replicationFactor }, 'an internal topic was made');
    return;
  }
  await checkCompacted(admin, options);
}

/** False when another has made it. */
async function isMade(admin: TopicAdmin, options: InternalTopicOptions): Promise<boolean> {
  const { topic, client, createTimeoutMs, logger } = options;
  const deadline = performance.now() + createTimeoutMs;
  for (;;) {
    try {
      return await admin.create({ ...topic, configs: { ...topic.configs, 'cleanup.policy': 'compact' } });
    } catch (error) {
      if (isDenied(error)) return await untilThere(admin, options);
      const isEarly = error instanceof ProtocolError && error.errorCode === ErrorCode.INVALID_REPLICATION_FACTOR && performance.now() < deadline;
      if (!isEarly) throw error;
      logger.info({ topic: topic.topic, replicationFactor: topic.replicationFactor, error: error.message }, 'an internal topic could not be made yet; trying again');
      await client.pause(POLL_MS);
    }
  }
}

async function untilThere(admin: TopicAdmin, { topic: { topic }, client, waitMs = FOREIGN_TOPIC_WAIT_MS, logger }: InternalTopicOptions): Promise<false> {
  logger.warn({ topic, waitMs }, 'this worker may not make an internal topic: it waits for it to be made');
  const deadline = performance.now() + waitMs;
  while (!(await admin.exists(topic))) {
    if (performance.now() >= deadline) {
      throw new OperationalError(
        'CONNECT_TOPIC_MISSING',
        `Could not look up partition metadata for topic '${topic}' in the allotted period: this worker is not authorized to create it, and nobody else did. Create it with cleanup.policy=compact, or allow this worker's principal to.`,
      );
    }
    await client.pause(POLL_MS);
  }
  return false;
}

async function checkCompacted(admin: TopicAdmin, { topic: { topic }, setting, logger }: InternalTopicOptions): Promise<void> {
  let policy: string | undefined;
  try {
    policy = await admin.topicConfig(topic, 'cleanup.policy');
  } catch (error) {
    if (!isDenied(error)) throw error;
  }
  if (policy === undefined) return logger.info({ topic }, 'whether an internal topic is compacted cannot be seen: this worker may not describe its configuration');
  if (policy.split(',').map((it) => it.trim()).join(',') === 'compact') return;
  throw new OperationalError(
    'CONNECT_TOPIC_NOT_COMPACTED',
    `Topic '${topic}' supplied via the '${setting}' property is required to have 'cleanup.policy=compact' to guarantee consistency and durability, but found the topic currently has 'cleanup.policy=${policy}'. Continuing would likely result in eventually losing state and problems restarting this worker.`,
  );
}

function isDenied(error: unknown): boolean {
  const denials: readonly number[] = [ErrorCode.TOPIC_AUTHORIZATION_FAILED, ErrorCode.CLUSTER_AUTHORIZATION_FAILED, ErrorCode.UNSUPPORTED_VERSION];
  return error instanceof ProtocolError && denials.includes(error.errorCode);
}
