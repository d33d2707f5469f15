import type { Offset } from '@millrace/foundation';
import type { DescribeGroupsResponseInput } from '@millrace/protocol';
import type { CommittedOffset } from './offsets/committed-offsets.js';

/** A group as DescribeGroups shows it. */
export type GroupDescription = DescribeGroupsResponseInput.Group;

interface OffsetChange {
  readonly recordOffset: Offset;
  readonly groupId: string;
  readonly topic: string;
  readonly partition: number;
  readonly before: CommittedOffset | undefined;
}

interface GroupChange {
  readonly before: GroupDescription | undefined;
  /** The last record that changed it. */
  recordOffset: Offset;
}

/** What was there before the changes that are in the log and could still be lost: reads show it in their place (Invariant 1). Empty most of the time. */
export class Uncommitted {
  private endOffset: Offset = 0;
  /** Both in the order of the log. */
  private readonly changes: OffsetChange[] = [];
  private readonly changesByGroup = new Map<string, OffsetChange[]>();
  private readonly groups = new Map<string, GroupChange>();

  isUncommitted(recordOffset: Offset): boolean {
    return recordOffset >= this.endOffset;
  }

  offsetChanges(change: OffsetChange): void {
    this.changes.push(change);
    const ofGroup = this.changesByGroup.get(change.groupId);
    if (ofGroup === undefined) this.changesByGroup.set(change.groupId, [change]);
    else ofGroup.push(change);
  }

  /** `describe`: the group before this record; undefined when it was not there. */
  groupChanges(groupId: string, recordOffset: Offset, describe: () => GroupDescription | undefined): void {
    const known = this.groups.get(groupId);
    if (known === undefined) this.groups.set(groupId, { before: describe(), recordOffset });
    else known.recordOffset = recordOffset;
  }

  /** Everything below `endOffset` can be lost no more. */
  committedTo(endOffset: Offset): void {
    if (endOffset <= this.endOffset) return;
    this.endOffset = endOffset;
    let count = 0;
    while (count < this.changes.length && this.changes[count]!.recordOffset < endOffset) count += 1;
    for (const { groupId } of count === 0 ? [] : this.changes.splice(0, count)) {
      const ofGroup = this.changesByGroup.get(groupId);
      ofGroup?.shift();
      if (ofGroup?.length === 0) this.changesByGroup.delete(groupId);
    }
    for (const [groupId, { recordOffset }] of this.groups) if (recordOffset < endOffset) this.groups.delete(groupId);
  }

  /** Of each partition of the group that is to change: what is committed. */
  offsetsBefore(groupId: string): ReadonlyMap<string, ReadonlyMap<number, CommittedOffset | undefined>> {
    const topics = new Map<string, Map<number, CommittedOffset | undefined>>();
    for (const { topic, partition, before } of this.changesByGroup.get(groupId) ?? []) {
      let partitions = topics.get(topic);
      if (partitions === undefined) topics.set(topic, (partitions = new Map()));
      if (!partitions.has(partition)) partitions.set(partition, before);
    }
    return topics;
  }

  /** Groups that are to change; undefined: it was not there before. */
  groupBefore(groupId: string): { readonly before: GroupDescription | undefined } | undefined {
    return this.groups.get(groupId);
  }

  *groupsBefore(): Iterable<GroupDescription | undefined> {
    for (const { before } of this.groups.values()) yield before;
  }
}
