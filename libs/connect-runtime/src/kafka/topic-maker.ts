import type { ConnectLogger } from '@millrace/connect-api';
import type { KafkaClient } from '@millrace/client';
import { topicCreationGroups, type TopicCreationGroup } from '../config/topic-creation.js';
import type { TaskSpec } from '../isolation/task-protocol.js';
import { kafkaClient } from './client-settings.js';
import { TopicAdmin } from './topic-admin.js';

/** Makes the topics of a source connector that has topic.creation settings (KIP-158); leaves the others to the brokers. */
export class TopicMaker {
  private readonly client: KafkaClient | undefined;
  private readonly admin: TopicAdmin | undefined;
  private readonly groups: readonly TopicCreationGroup[];

  constructor(
    spec: TaskSpec,
    private readonly logger: ConnectLogger,
  ) {
    this.groups = topicCreationGroups(spec.topicCreation).groups;
    if (spec.adminConfig === null) return;
    this.client = kafkaClient(spec.adminConfig);
    this.admin = new TopicAdmin(this.client);
  }

  /** Before the first record of a topic. */
  async ensure(topic: string): Promise<void> {
    const group = this.groups.find((it) => it.matches(topic));
    if (!this.admin || !group || (await this.admin.exists(topic))) return;
    const isNew = await this.admin.create({ topic, partitions: group.partitions, replicationFactor: group.replicationFactor, configs: group.configs });
    if (isNew) this.logger.info({ topic, group: group.name, partitions: group.partitions, replicationFactor: group.replicationFactor }, 'a topic was made');
  }

  close(): void {
    this.client?.close();
  }
}
