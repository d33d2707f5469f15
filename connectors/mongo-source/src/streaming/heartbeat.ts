import { Struct, type Headers, type OffsetMap, type SourceRecord } from '@millrace/connect-api';
import type { SourceSettings } from '../config/source-settings.js';
import { HEARTBEAT_KEY, HEARTBEAT_VALUE } from '../records/schemas.js';

const NO_HEADERS: Headers = [];

/** Records that carry the position when there is nothing else to send (`heartbeat.interval.ms`). */
export class Heartbeat {
  private readonly intervalMs: number;
  private readonly topic: string;
  private nextAt = 0;

  constructor(
    private readonly settings: SourceSettings,
    private readonly partition: OffsetMap,
  ) {
    const { values } = settings;
    this.intervalMs = values['heartbeat.interval.ms'];
    this.topic = values['topic.heartbeat.name'] || [values['topic.heartbeat.prefix'] ?? values['heartbeat.topics.prefix'], values['topic.prefix']].join(values['topic.delimiter']);
  }

  /** True once per interval; the first time after one interval. */
  isDue(nowMs: number): boolean {
    if (this.intervalMs === 0) return false;
    if (this.nextAt === 0) this.nextAt = nowMs + this.intervalMs;
    if (nowMs < this.nextAt) return false;
    this.nextAt = nowMs + this.intervalMs;
    return true;
  }

  record(sourceOffset: OffsetMap, nowMs: number): SourceRecord {
    return {
      topic: this.topic,
      partition: 0,
      keySchema: HEARTBEAT_KEY,
      key: new Struct(HEARTBEAT_KEY, { serverName: this.settings.values['topic.prefix'] }),
      valueSchema: HEARTBEAT_VALUE,
      value: new Struct(HEARTBEAT_VALUE, { ts_ms: BigInt(nowMs) }),
      headers: NO_HEADERS,
      sourcePartition: this.partition,
      sourceOffset,
    };
  }
}
