import { decodeGroupRecord } from '@millrace/coordinator';
import { topicPartitionName, type LeaderEpoch, type Offset } from '@millrace/foundation';
import { nodeCodecs } from '@millrace/platform';
import { ErrorCode, OffsetCommit, OffsetFetch, type OffsetCommitRequest, type OffsetCommitResponse, type OffsetFetchRequest, type OffsetFetchResponse } from '@millrace/protocol';
import { batchesOf, recordsOf } from '@millrace/records';
import type { SimulatedBroker } from '../cluster/simulated-broker.js';
import type { World } from '../world.js';
import type { HostedReplica } from './broker-view.js';
import { watching, type Serving, type WireTap } from './wire-tap.js';

const DECOMPRESSED_BYTES_MAX = 100_000_000;
const NOTHING = -1;

export interface ToldOffsetsOptions {
  readonly world: World;
  readonly tap: WireTap;
  /** The replica, on this host, of the partition that holds the group. */
  readonly replicaOf: (host: string, groupId: string) => { readonly node: SimulatedBroker; readonly hosted: HostedReplica } | undefined;
}

/** What somebody was told of a partition of a group: the record that says so, or -1 for nothing, by a leader of this epoch. */
interface Told {
  readonly recordOffset: Offset;
  readonly leaderEpoch: LeaderEpoch;
}

/** One that was asked, and what everybody had been told by then. */
interface Asked {
  readonly node: SimulatedBroker;
  readonly hosted: HostedReplica;
  readonly who: string;
  readonly groupId: string;
  readonly leaderEpoch: LeaderEpoch;
  readonly toldBefore: ReadonlyMap<string, Told>;
}

interface CommitRecord {
  readonly recordOffset: Offset;
  /** -1: taken away. */
  readonly offset: Offset;
}

/**
 * Invariant 24, as answers leave the broker: a group's offset that is told, or acknowledged, is in the committed part of the log; and once it was, no coordinator of that epoch or a later one tells an older one.
 * One of an older epoch that does not know it yet may.
 */
export class ToldOffsets {
  private readonly told = new Map<string, Told>();
  private readonly logs = new Map<string, CommittedGroupLog>();

  constructor(private readonly options: ToldOffsetsOptions) {
    const { tap } = options;
    tap.watch(watching(OffsetFetch, (serving, request) => this.fetch(serving, request)));
    tap.watch(watching(OffsetCommit, (serving, request) => this.commit(serving, request)));
  }

  private asked({ host }: Serving, groupId: string): Asked | undefined {
    const found = this.options.replicaOf(host, groupId);
    return found === undefined ? undefined : { ...found, who: host, groupId, leaderEpoch: found.hosted.machine.leaderEpoch, toldBefore: new Map(this.told) };
  }

  private fetch(serving: Serving, request: OffsetFetchRequest): (response: OffsetFetchResponse) => void {
    const asked = new Map([...request.groups.map((it) => it.groupId), request.groupId].map((groupId) => [groupId, this.asked(serving, groupId)]));
    return (response) => {
      const groups = response.groups.length > 0 ? response.groups : [{ ...response, groupId: request.groupId }];
      for (const { groupId, errorCode, topics } of groups) {
        const question = asked.get(groupId);
        if (errorCode !== ErrorCode.NONE || question === undefined) continue;
        for (const topic of topics) {
          for (const it of topic.partitions) if (it.errorCode === ErrorCode.NONE) this.tells(question, topicPartitionName({ topic: topic.name, partition: it.partitionIndex }), it.committedOffset, 'tells');
        }
      }
    };
  }

  private commit(serving: Serving, request: OffsetCommitRequest): ((response: OffsetCommitResponse) => void) | undefined {
    const asked = this.asked(serving, request.groupId);
    if (asked === undefined) return undefined;
    const offsets = new Map(request.topics.flatMap((topic) => topic.partitions.map((it) => [topicPartitionName({ topic: topic.name, partition: it.partitionIndex }), it.committedOffset] as const)));
    return (response) => {
      for (const topic of response.topics) {
        for (const it of topic.partitions) {
          const name = topicPartitionName({ topic: topic.name, partition: it.partitionIndex });
          if (it.errorCode === ErrorCode.NONE) this.tells(asked, name, offsets.get(name) ?? NOTHING, 'acknowledges');
        }
      }
    };
  }

  private tells({ node, hosted, who, groupId, leaderEpoch, toldBefore }: Asked, partition: string, offset: Offset, verb: 'tells' | 'acknowledges'): void {
    const { world } = this.options;
    const key = `${groupId}/${partition}`;
    const before = toldBefore.get(key);
    // Of one that was deposed others may have heard more.
    const leastRecord = before !== undefined && before.leaderEpoch <= leaderEpoch ? before.recordOffset : NOTHING;
    const records = this.logOf(hosted).read(node, hosted).get(key) ?? [];
    // Where the same offset was committed twice, the first that it may be.
    const record = offset === NOTHING && leastRecord === NOTHING ? { recordOffset: NOTHING } : records.find((it) => it.offset === offset && it.recordOffset >= leastRecord);
    if (record === undefined) {
      const isCommitted = offset === NOTHING || records.some((it) => it.offset === offset);
      const what = isCommitted ? `though what stands in record ${leastRecord} was told or acknowledged in epoch ${before?.leaderEpoch}` : `which is not committed below ${hosted.machine.highWatermark}`;
      world.breach(24, `${who}, ${hosted.topic}-${hosted.partition} in epoch ${leaderEpoch}: ${verb} ${offset === NOTHING ? 'nothing' : offset} of group ${groupId}, ${partition}, ${what}`);
      return;
    }
    const latest = this.told.get(key);
    if (latest === undefined || record.recordOffset > latest.recordOffset) this.told.set(key, { recordOffset: record.recordOffset, leaderEpoch: hosted.machine.leaderEpoch });
  }

  private logOf({ topic, partition }: HostedReplica): CommittedGroupLog {
    const folder = `${topic}-${partition}`;
    let log = this.logs.get(folder);
    if (log === undefined) this.logs.set(folder, (log = new CommittedGroupLog(folder)));
    return log;
  }
}

/** The commits in one partition of `__consumer_offsets`, below the high watermark: the same on all replicas, so that it does not matter whose disk they are read from. */
class CommittedGroupLog {
  private readonly commits = new Map<string, CommitRecord[]>();
  private nextOffset: Offset = 0;
  /** Where reading goes on, in which file. */
  private mark: { readonly node: SimulatedBroker; readonly path: string; readonly position: number } | undefined;

  constructor(private readonly folder: string) {}

  read(node: SimulatedBroker, { machine }: HostedReplica): ReadonlyMap<string, readonly CommitRecord[]> {
    if (machine.highWatermark <= this.nextOffset) return this.commits;
    for (const { path, bytes } of node.disk.logFilesOf(this.folder)) {
      const from = this.mark?.node === node && this.mark.path === path && this.mark.position <= bytes.length ? this.mark.position : 0;
      for (const { position, header } of batchesOf(bytes, from)) {
        if (header.lastOffset >= machine.highWatermark) return this.commits;
        if (header.baseOffset < this.nextOffset) continue;
        if (!header.isControl) this.take(bytes, position);
        this.nextOffset = header.lastOffset + 1;
        this.mark = { node, path, position: position + header.sizeBytes };
      }
    }
    return this.commits;
  }

  private take(bytes: Uint8Array, position: number): void {
    const cursor = recordsOf(bytes, nodeCodecs, { position, decompressedBytesMax: DECOMPRESSED_BYTES_MAX });
    while (cursor.next()) {
      const [key, value] = [cursor.key(), cursor.value()];
      const record = key === null ? undefined : decodeGroupRecord(key, value);
      if (record?.type !== 'OffsetCommit') continue;
      const name = `${record.key.group}/${topicPartitionName(record.key)}`;
      const commit = { recordOffset: cursor.offset, offset: record.value?.offset ?? NOTHING };
      const commits = this.commits.get(name);
      if (commits === undefined) this.commits.set(name, [commit]);
      else commits.push(commit);
    }
  }
}
