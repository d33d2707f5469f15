import { Admin } from '@millrace/client';
import { hasCode, type Logger } from '@millrace/foundation';
import type { SinkGroup, SinkGroups, SinkOffset } from '../herder/sink-groups.js';
import type { ConnectorOffset } from '../rest/shapes.js';
import { kafkaClient } from './client-settings.js';

/** A client for each request: they are rare, and a connector's cluster may be another one than the worker's. */
export class KafkaSinkGroups implements SinkGroups {
  constructor(private readonly logger: Logger) {}

  committed(group: SinkGroup): Promise<ConnectorOffset[]> {
    return this.with(group, async (admin) =>
      (await admin.listGroupOffsets(group.groupId)).map(({ topic, partition, offset }) => ({ partition: { kafka_partition: partition, kafka_topic: topic }, offset: { kafka_offset: Number(offset) } })),
    );
  }

  alter(group: SinkGroup, offsets: readonly SinkOffset[]): Promise<void> {
    return this.with(group, async (admin) => {
      const set = offsets.flatMap(({ topic, partition, offset }) => (offset === null ? [] : [{ topic, partition, offset }]));
      const forget = offsets.filter((it) => it.offset === null);
      if (set.length > 0) await admin.alterGroupOffsets(group.groupId, set);
      if (forget.length === 0) return;
      const outcomes = await admin.deleteGroupOffsets(group.groupId, forget).catch((error: unknown) => {
        if (hasCode(error, 'KAFKA_GROUP_ID_NOT_FOUND')) return [];
        throw error;
      });
      for (const { error } of outcomes) if (error) throw error;
    });
  }

  remove(group: SinkGroup): Promise<void> {
    return this.with(group, async (admin) => {
      try {
        await admin.deleteGroup(group.groupId);
      } catch (error) {
        if (!hasCode(error, 'KAFKA_GROUP_ID_NOT_FOUND')) throw error;
      }
    });
  }

  private async with<T>(group: SinkGroup, ask: (admin: Admin) => Promise<T>): Promise<T> {
    const client = kafkaClient(group.adminConfig, this.logger);
    try {
      return await ask(new Admin({ client }));
    } finally {
      client.close();
    }
  }
}
