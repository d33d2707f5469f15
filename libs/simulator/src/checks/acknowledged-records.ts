import { topicPartitionName } from '@millrace/foundation';
import type { History } from '../workload/history.js';
import type { World } from '../world.js';
import type { ReadPartition } from './final-reading.js';

/**
 * Invariants 1, 5, 18: what was acknowledged is there, at the offset that was told, once with idempotence, and in the order in which its producer gave it. What failed for its producer
 * may be there or not.
 */
export function checkAcknowledged(world: World, history: History, read: readonly ReadPartition[]): void {
  for (const partition of read) {
    const name = topicPartitionName(partition);
    const offsetOf = new Map<string, number>();
    const lastOf = new Map<string, number>();
    let before = -1;
    for (const { offset, key } of partition.records) {
      if (offset <= before) world.breach(1, `${name}: offset ${offset} comes after ${before}`);
      before = offset;
      history.read('the final reader', partition.topic, partition.partition, offset, key);
      const record = history.sent.get(key);
      if (record === undefined) continue;
      if (record.isIdempotent) {
        const first = offsetOf.get(key);
        if (first !== undefined) world.breach(18, `${name}: ${key} is there twice, at ${first} and ${offset}`);
        const last = lastOf.get(record.producer) ?? -1;
        if (record.sequence <= last) world.breach(18, `${name}: ${key} stands behind record ${last} of its producer`);
        lastOf.set(record.producer, record.sequence);
      }
      offsetOf.set(key, offset);
    }
    if (partition.records.length > 0 && before + 1 > partition.endOffset) world.breach(2, `${name}: a reader was given offset ${before} with the end at ${partition.endOffset}`);
    checkPresence(world, history, partition, offsetOf);
  }
}

function checkPresence(world: World, history: History, partition: ReadPartition, offsetOf: ReadonlyMap<string, number>): void {
  const name = topicPartitionName(partition);
  const keyAt = new Map(partition.records.map((it) => [it.offset, it.key]));
  for (const [key, record] of history.sent) {
    if (record.fate !== 'acknowledged' || record.topic !== partition.topic || record.partition !== partition.partition) continue;
    if (record.offset >= 0 && record.offset < partition.startOffset) continue;
    if (record.offset >= 0 && keyAt.get(record.offset) !== key) {
      world.breach(5, `${name}: ${key} was acknowledged at ${record.offset} (at ${(record.ackedAtMs / 1000).toFixed(3)} s), where ${keyAt.get(record.offset) ?? 'nothing'} is; it is ${offsetOf.has(key) ? `at ${offsetOf.get(key)}` : 'lost'}; the log ends at ${partition.endOffset}`);
    } else if (record.offset < 0 && !offsetOf.has(key)) {
      world.breach(5, `${name}: ${key} was acknowledged without an offset and is lost`);
    }
  }
}
