import type { BrokerId, Uuid } from '@millrace/foundation';
import type { MetadataRecord } from '@millrace/protocol';
import type { ControllerView } from './controller-result.js';
import { changePartition, partitionChangeRecord } from './partition-change.js';
import type { PartitionId } from './partition-sets.js';
import { TopicRules, type BrokersToBe } from './topic-rules.js';

interface Move extends BrokersToBe {
  readonly uncleanShutdown?: BrokerId;
}

/** A broker is fenced or stops: it leaves the in-sync sets that it is in, and others lead. */
export function leaveInSyncSets(view: ControllerView, brokerId: BrokerId): MetadataRecord[] {
  return move(view, view.partitions.inSyncWith(brokerId), { without: brokerId });
}

/** As `leaveInSyncSets`, of these partitions alone. */
export function leaveInSyncSetsOf(view: ControllerView, brokerId: BrokerId, partitions: Iterable<PartitionId>): MetadataRecord[] {
  return move(view, partitions, { without: brokerId });
}

/** A broker will not come back: it leaves as one that is fenced, and what waited for it alone need not wait, where an election may be unclean. */
export function leaveForGood(view: ControllerView, brokerId: BrokerId): MetadataRecord[] {
  return [...leaveInSyncSets(view, brokerId), ...move(view, view.partitions.eligibleFor(brokerId), { without: brokerId })];
}

/** The process of a broker ended without an orderly stop: what it had not synced may be gone, so it may not lead what it was eligible for. */
export function leaveAfterUncleanShutdown(view: ControllerView, brokerId: BrokerId): MetadataRecord[] {
  const change: Move = { without: brokerId, uncleanShutdown: brokerId };
  return [...move(view, view.partitions.inSyncWith(brokerId), change), ...move(view, view.partitions.eligibleFor(brokerId), change)];
}

/** A broker is back: partitions without a leader get one, where it may lead them. */
export function leadWhatWaits(view: ControllerView, brokerId: BrokerId, offline: ReadonlySet<Uuid>): MetadataRecord[] {
  return move(view, view.partitions.leaderless(), { with: brokerId, offline });
}

/** Log directories of a broker failed: it leaves the in-sync sets of what was in them. */
export function leaveDirectories(view: ControllerView, brokerId: BrokerId, directories: Iterable<Uuid>): MetadataRecord[] {
  const partitions = new Map<string, PartitionId>();
  for (const directory of directories) for (const it of view.partitions.within(directory)) partitions.set(`${it.topicId} ${it.partition}`, it);
  return move(view, partitions.values(), { without: brokerId });
}

/** The records for each partition on its own: its set without the broker, and who leads then. */
function move(view: ControllerView, partitions: Iterable<PartitionId>, change: Move): MetadataRecord[] {
  const rules = new TopicRules(view, change);
  const records: MetadataRecord[] = [];
  for (const { topicId, partition: number } of partitions) {
    const topic = view.image.topicById(topicId);
    const partition = topic?.partitions[number];
    if (topic === undefined || partition === undefined) continue;
    const record = changePartition(
      topicId,
      partition,
      {
        election: rules.settings(topic).allowsUncleanElection ? 'unclean' : 'online',
        isr: partition.isr.filter((id) => id !== change.without),
        ...(change.uncleanShutdown === undefined ? {} : { uncleanShutdown: change.uncleanShutdown }),
      },
      rules.of(topic, partition),
    );
    if (record !== null) records.push(partitionChangeRecord(record));
  }
  return records;
}
