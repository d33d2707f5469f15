import { nodeCodecs } from '@millrace/platform';
import { batchesOf, recordsOf } from '@millrace/records';
import type { MetadataImage, PartitionRegistration } from '@millrace/metadata';
import { decodeMetadataRecord, type MetadataRecord } from '@millrace/protocol';
import type { BrokerEpoch, BrokerId, LeaderEpoch, Offset, PartitionEpoch } from '@millrace/foundation';
import type { SimulatedDisk } from '../disk/simulated-disk.js';
import type { World } from '../world.js';

export const METADATA_FOLDER = '__cluster_metadata-0';
const DECOMPRESSED_BYTES_MAX = 100_000_000;

/** A partition after one of its changes. */
export interface PartitionState {
  readonly partitionEpoch: PartitionEpoch;
  readonly leaderEpoch: LeaderEpoch;
  readonly leader: BrokerId;
  readonly isr: readonly BrokerId[];
  readonly replicas: readonly BrokerId[];
  /** Of the last record of the batch that made it so. */
  readonly offset: Offset;
  readonly seenAtMs: number;
  /** Between this state and the one before were others, which no log had any more. */
  readonly isBehindHole?: true;
}

interface BrokerState {
  readonly offset: Offset;
  readonly epoch: BrokerEpoch;
  readonly isFenced: boolean;
  readonly isShuttingDown: boolean;
}

/**
 * What the controllers have committed, change by change, read from the metadata log on a disk; where a snapshot stands for it on every disk, from the image of who has read furthest.
 * Invariant 10, as the log has it: whoever enters an in-sync set is neither fenced nor shutting down.
 */
export class MetadataHistory {
  private readonly partitions = new Map<string, PartitionState[]>();
  private readonly brokers = new Map<BrokerId, BrokerState[]>();
  private readonly removedTopics = new Set<string>();
  private nextOffset: Offset = 0;
  /** Where reading goes on, in which file. */
  private mark: { readonly disk: SimulatedDisk; readonly path: string; readonly position: number } | undefined;

  constructor(private readonly world: World) {}

  /** The last known state of a partition, by `topicId-partition`. */
  latest(key: string): PartitionState | undefined {
    return this.partitions.get(key)?.at(-1);
  }

  /** Whether the broker was told to delete its replica, as far as is known, at some time since. */
  isRemovedSince(key: string, brokerId: BrokerId, sinceMs: number): boolean {
    if (this.removedTopics.has(key.slice(0, key.lastIndexOf('-')))) return true;
    const states = this.partitions.get(key) ?? [];
    return states.some((it, i) => (!it.replicas.includes(brokerId) && (states[i + 1]?.seenAtMs ?? Number.POSITIVE_INFINITY) >= sinceMs) || (it.isBehindHole === true && it.seenAtMs >= sinceMs));
  }

  at(key: string, partitionEpoch: PartitionEpoch): PartitionState | undefined {
    return this.partitions.get(key)?.findLast((it) => it.partitionEpoch === partitionEpoch);
  }

  /** Since when the broker has been in the in-sync set without a break; undefined: it is not in it now. */
  inSyncSinceMs(key: string, brokerId: BrokerId): number | undefined {
    const states = this.partitions.get(key) ?? [];
    let since: number | undefined;
    for (let i = states.length - 1; i >= 0 && states[i]!.isr.includes(brokerId); i--) since = states[i]!.seenAtMs;
    return since;
  }

  /** As it was registered when this offset was written. */
  brokerEpochAt(brokerId: BrokerId, offset: Offset): BrokerEpoch | undefined {
    return this.brokers.get(brokerId)?.findLast((it) => it.offset <= offset)?.epoch;
  }

  /** Takes what is new in the log on this disk below `committedEnd`. */
  read(disk: SimulatedDisk, committedEnd: Offset): void {
    if (committedEnd <= this.nextOffset) return;
    for (const { path, bytes } of disk.logFilesOf(METADATA_FOLDER)) {
      const from = this.mark?.disk === disk && this.mark.path === path && this.mark.position <= bytes.length ? this.mark.position : 0;
      for (const { position, header } of batchesOf(bytes.subarray(from))) {
        if (header.lastOffset >= committedEnd) return;
        if (header.baseOffset > this.nextOffset) return;
        if (header.baseOffset < this.nextOffset) continue;
        if (!header.isControl) this.takeBatch(bytes, from + position, header.lastOffset);
        this.nextOffset = header.lastOffset + 1;
        this.mark = { disk, path, position: from + position + header.sizeBytes };
      }
    }
  }

  /** When every disk was read: what no log has any more, the image holds. A partition is known as it is now, not what lay between. */
  beginAnewAt(image: MetadataImage): void {
    const { lastOffset: offset } = image;
    if (offset < this.nextOffset) return;
    this.world.journal.write('history', `no log has offset ${this.nextOffset} any more: goes on from an image at ${offset}`);
    for (const key of this.partitions.keys()) {
      const topicId = key.slice(0, key.lastIndexOf('-'));
      if (image.topicById(topicId) === undefined) this.removedTopics.add(topicId);
    }
    for (const { topicId, partitions } of image.topics.values()) for (const it of partitions) this.partitionIs(`${topicId}-${it.partitionId}`, it, offset);
    // A broker epoch is the offset of the registration.
    for (const { brokerId, epoch, isFenced, isShuttingDown } of image.brokers.values()) {
      const registeredAt: number = epoch;
      this.brokerIs(brokerId, { offset: registeredAt, epoch, isFenced, isShuttingDown });
    }
    this.nextOffset = offset + 1;
    this.mark = undefined;
  }

  private partitionIs(key: string, { partitionEpoch, leaderEpoch, leader, isr, replicas }: PartitionRegistration, offset: Offset): void {
    const before = this.latest(key);
    if (before !== undefined && partitionEpoch <= before.partitionEpoch) return;
    const state = { partitionEpoch, leaderEpoch, leader, isr, replicas, offset, seenAtMs: this.world.loop.nowMs };
    if (before === undefined) this.partitions.set(key, [state]);
    else this.partitions.get(key)?.push(partitionEpoch === before.partitionEpoch + 1 ? state : { ...state, isBehindHole: true });
  }

  private takeBatch(bytes: Uint8Array, position: number, lastOffset: Offset): void {
    const changes: { readonly key: string; readonly index: number }[] = [];
    const cursor = recordsOf(bytes, nodeCodecs, { position, decompressedBytesMax: DECOMPRESSED_BYTES_MAX });
    while (cursor.next()) {
      const value = cursor.value();
      const key = value === null ? undefined : this.take(decodeMetadataRecord(value), lastOffset);
      if (key !== undefined) changes.push({ key, index: (this.partitions.get(key)?.length ?? 0) - 1 });
    }
    for (const { key, index } of changes) this.checkMembers(key, index);
  }

  /** Returns the partition that it changed. */
  private take({ type, record }: MetadataRecord, offset: Offset): string | undefined {
    switch (type) {
      case 'PartitionRecord': {
        const key = `${record.topicId}-${record.partitionId}`;
        const { partitionEpoch, leaderEpoch, leader, isr, replicas } = record;
        this.partitions.set(key, [{ partitionEpoch, leaderEpoch, leader, isr, replicas, offset, seenAtMs: this.world.loop.nowMs }]);
        return key;
      }
      case 'PartitionChangeRecord': {
        const key = `${record.topicId}-${record.partitionId}`;
        const states = this.partitions.get(key);
        const before = states?.at(-1);
        if (states === undefined || before === undefined) return undefined;
        const hasNewLeader = record.leader !== -2;
        states.push({
          partitionEpoch: before.partitionEpoch + 1,
          leaderEpoch: before.leaderEpoch + (hasNewLeader ? 1 : 0),
          leader: hasNewLeader ? record.leader : before.leader,
          isr: record.isr ?? before.isr,
          replicas: record.replicas ?? before.replicas,
          offset,
          seenAtMs: this.world.loop.nowMs,
        });
        return key;
      }
      case 'RemoveTopicRecord':
        this.removedTopics.add(record.topicId);
        return undefined;
      case 'RegisterBrokerRecord':
        this.brokerIs(record.brokerId, { offset, epoch: record.brokerEpoch, isFenced: record.fenced, isShuttingDown: record.inControlledShutdown });
        return undefined;
      case 'BrokerRegistrationChangeRecord': {
        const before = this.brokers.get(record.brokerId)?.at(-1);
        if (before !== undefined) this.brokerIs(record.brokerId, { offset, epoch: record.brokerEpoch, isFenced: changed(record.fenced, before.isFenced), isShuttingDown: changed(record.inControlledShutdown, before.isShuttingDown) });
        return undefined;
      }
      default:
        return undefined;
    }
  }

  private brokerIs(brokerId: BrokerId, state: BrokerState): void {
    const states = this.brokers.get(brokerId);
    if (states === undefined) this.brokers.set(brokerId, [state]);
    else states.push(state);
  }

  private checkMembers(key: string, index: number): void {
    const states = this.partitions.get(key) ?? [];
    const now = states[index];
    const before = states[index - 1];
    for (const id of now?.isr ?? []) {
      const broker = this.brokers.get(id)?.at(-1);
      if (before === undefined || before.isr.includes(id) || (broker !== undefined && !broker.isFenced && !broker.isShuttingDown)) continue;
      this.world.breach(10, `${key}: broker ${id} enters the in-sync replicas with partition epoch ${now?.partitionEpoch}, and is ${broker === undefined ? 'not registered' : broker.isFenced ? 'fenced' : 'shutting down'}`);
    }
  }
}

/** 0: as before, 1: true, -1: false. */
function changed(code: number, before: boolean): boolean {
  return code === 0 ? before : code > 0;
}
