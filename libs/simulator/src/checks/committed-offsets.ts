import type { Admin } from '@millrace/client';
import { topicPartitionName } from '@millrace/foundation';
import { mayBeCommitted, type History } from '../workload/history.js';
import type { World } from '../world.js';
import type { ReadPartition } from './final-reading.js';

/** Invariant 24: the last acknowledged commit is what a fetch returns. And no record before it was left out by the group. */
export async function checkCommittedOffsets(world: World, history: History, admin: Admin, groups: readonly string[], read: readonly ReadPartition[]): Promise<void> {
  for (const group of groups) {
    const found = new Map((await admin.listGroupOffsets(group)).map((it) => [topicPartitionName(it), Number(it.offset)]));
    for (const partition of read) {
      const name = topicPartitionName(partition);
      const attempts = history.commits.get(`${group}/${name}`) ?? [];
      const offset = found.get(name);
      if (!mayBeCommitted(attempts, offset)) {
        const last = attempts.filter((it) => it.isAcknowledged).at(-1);
        world.breach(24, `group ${group}, ${name}: ${offset ?? 'nothing'} is committed, the last acknowledged commit was ${last?.offset ?? 'none'}`);
      }
      const consumed = history.consumed.get(`${group}/${name}`) ?? new Set();
      const skipped = partition.records.find((it) => it.offset < (offset ?? 0) && !consumed.has(it.offset));
      if (skipped !== undefined) world.breach(24, `group ${group}, ${name}: offset ${skipped.offset} was never given to a member, though ${offset} is committed`);
    }
  }
}
