import { randomUUID } from 'node:crypto';
import { Struct, type ConnectLogger, type Headers, type OffsetMap, type SourceRecord } from '@millrace/connect-api';
import type { SourceSettings } from '../config/source-settings.js';
import { NOTIFICATION_KEY, NOTIFICATION_VALUE } from '../records/schemas.js';

export type SnapshotKind = 'Initial Snapshot' | 'Incremental Snapshot';
export type NotificationType = 'STARTED' | 'IN_PROGRESS' | 'TABLE_SCAN_COMPLETED' | 'COMPLETED' | 'ABORTED' | 'PAUSED' | 'RESUMED' | 'SKIPPED';

const NO_HEADERS: Headers = [];

/** What is told about snapshots: to a topic, to the log, or to nobody. */
export class Notifications {
  private readonly goesToTopic: boolean;
  private readonly goesToLog: boolean;
  private readonly waiting: Struct[] = [];

  constructor(
    private readonly settings: SourceSettings,
    private readonly partition: OffsetMap,
    private readonly logger: ConnectLogger,
  ) {
    const channels = settings.values['notification.enabled.channels'] ?? [];
    this.goesToTopic = channels.includes('sink');
    this.goesToLog = channels.includes('log');
  }

  tell(kind: SnapshotKind, type: NotificationType, data: Readonly<Record<string, string>> = {}, id: string = randomUUID()): void {
    if (this.goesToLog) this.logger.info({ id, kind, type, ...data }, 'Notification');
    if (!this.goesToTopic) return;
    const additional = new Map([...Object.entries(data), ['connector_name', this.settings.values['topic.prefix']] as const]);
    this.waiting.push(new Struct(NOTIFICATION_VALUE, { id, type, aggregate_type: kind, additional_data: additional, timestamp: BigInt(Date.now()) }));
  }

  get hasWaiting(): boolean {
    return this.waiting.length > 0;
  }

  /** Records of what was told since the last call; they carry the position that is given. */
  take(sourceOffset: OffsetMap, into: SourceRecord[]): void {
    const topic = this.settings.values['notification.sink.topic.name'] ?? '';
    for (const value of this.waiting.splice(0)) {
      const key = new Struct(NOTIFICATION_KEY, { id: value.get('id') });
      into.push({ topic, keySchema: NOTIFICATION_KEY, key, valueSchema: NOTIFICATION_VALUE, value, headers: NO_HEADERS, sourcePartition: this.partition, sourceOffset });
    }
  }
}
