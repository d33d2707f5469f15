import { randomUUID } from 'node:crypto';
import { Schema, Struct, type ConnectLogger, type OffsetMap, type SourceRecord } from '@millrace/connect-api';
import type { SourceSettings } from '../config/source-settings.js';

const STRING = Schema.of('string');
const KEY = Schema.struct([['id', STRING]], { name: 'io.debezium.connector.common.NotificationKey', version: 1 });
const VALUE = Schema.struct(
  [
    ['id', STRING],
    ['type', STRING],
    ['aggregate_type', STRING],
    ['additional_data', Schema.map(STRING, STRING, { optional: true })],
    ['timestamp', Schema.of('int64')],
  ],
  { name: 'io.debezium.connector.common.Notification', version: 1 },
);

export interface Notification {
  /** Absent: one is made up. */
  readonly id?: string | null;
  readonly aggregate: 'Initial Snapshot' | 'Incremental Snapshot';
  readonly type: string;
  readonly data: Readonly<Record<string, string>>;
}

/** Tells of the progress of snapshots, on the channels of `notification.enabled.channels`: a topic (sink), the log, or both. */
export class Notifications {
  private readonly topic: string | null;
  private readonly logs: boolean;
  private readonly name: string;

  constructor(
    settings: SourceSettings,
    private readonly partition: OffsetMap,
    private readonly logger: ConnectLogger,
  ) {
    const channels = new Set(settings.values['notification.enabled.channels'] ?? []);
    this.topic = channels.has('sink') ? settings.values['notification.sink.topic.name'] : null;
    this.logs = channels.has('log');
    this.name = settings.values['topic.prefix'];
  }

  send(out: SourceRecord[], sourceOffset: OffsetMap, notification: Notification): void {
    const { aggregate, type } = notification;
    const data = { ...notification.data, connector_name: this.name };
    const id = notification.id ?? randomUUID();
    if (this.logs) this.logger.info({ id, aggregateType: aggregate, type, additionalData: data }, 'Notification');
    if (this.topic === null) return;
    const value = new Struct(VALUE, { id, type, aggregate_type: aggregate, additional_data: new Map(Object.entries(data)), timestamp: BigInt(Date.now()) });
    out.push({ topic: this.topic, keySchema: KEY, key: new Struct(KEY, { id }), valueSchema: VALUE, value, headers: [], sourcePartition: this.partition, sourceOffset });
  }
}
