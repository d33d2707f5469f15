import { topicPartitionName, type Offset, type TopicPartition } from '@millrace/foundation';
import { decodeCheckpoint, encodeCheckpoint } from '../fs/checkpoint-text.js';

export const RECOVERY_POINT_FILE = 'recovery-point-offset-checkpoint';
export const HIGH_WATERMARK_FILE = 'replication-offset-checkpoint';
/** How far each compacted log is clean. */
export const CLEANER_OFFSET_FILE = 'cleaner-offset-checkpoint';
export const LOG_START_OFFSET_FILE = 'log-start-offset-checkpoint';

export interface CheckpointedOffset extends TopicPartition {
  readonly offset: Offset;
}

/** Text: version 0, the count, and a line `topic partition offset` each. */
export function encodeOffsetCheckpoint(offsets: readonly CheckpointedOffset[]): string {
  return encodeCheckpoint(offsets.map((it) => `${it.topic} ${it.partition} ${it.offset}`));
}

/** By `topic-partition`. Undefined for a text that is not whole and well formed. */
export function decodeOffsetCheckpoint(text: string): Map<string, Offset> | undefined {
  const lines = decodeCheckpoint(text);
  if (lines === undefined) return undefined;
  const offsets = new Map<string, Offset>();
  for (const line of lines) {
    const match = /^(\S+) (\d{1,10}) (\d{1,16})$/.exec(line);
    if (match === null) return undefined;
    offsets.set(topicPartitionName({ topic: match[1] ?? '', partition: Number(match[2]) }), Number(match[3]));
  }
  return offsets;
}
