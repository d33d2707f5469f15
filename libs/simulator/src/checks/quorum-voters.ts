import { ByteReader, type BrokerId, type LeaderEpoch, type Offset } from '@millrace/foundation';
import { nodeCodecs } from '@millrace/platform';
import { AddRaftVoter, ErrorCode, LeaderChangeMessage, RemoveRaftVoter, VotersRecord } from '@millrace/protocol';
import { batchBaseOffsetAt, batchesOf, batchLeaderEpochAt, controlRecordType, recordsOf } from '@millrace/records';
import type { SimulatedBroker } from '../cluster/simulated-broker.js';
import type { SimulatedCluster } from '../cluster/simulated-cluster.js';
import type { SnapshotFile } from '../disk/simulated-disk.js';
import type { World } from '../world.js';
import { isSameSet, quorumOf } from './broker-view.js';
import { batchIndexAt, observedSizeAt, type LogObserver, type ObservedBatch } from './log-observer.js';
import { METADATA_FOLDER } from './metadata-history.js';
import type { QuorumVotes } from './quorum-votes.js';
import { watching, type WireTap } from './wire-tap.js';

const DECOMPRESSED_BYTES_MAX = 1_000_000;

/** Which batch of the metadata log. */
interface Place {
  readonly offset: Offset;
  readonly epoch: LeaderEpoch;
}

/** Voters as a batch of the log names them, or as they were before there was one. */
interface NamedVoters {
  /** Undefined: of the formatting, or of the properties. */
  readonly place: Place | undefined;
  readonly ids: readonly BrokerId[];
  /** Those that were in force before, in the log of who appended it. */
  readonly before: readonly BrokerId[];
  readonly seenAtMs: number;
}

export interface QuorumVotersOptions {
  readonly world: World;
  readonly cluster: SimulatedCluster;
  readonly votes: QuorumVotes;
  readonly tap: WireTap;
  readonly observerOf: (node: SimulatedBroker) => LogObserver;
  /** Looks at what is committed, then says whether something of it is not in this log. */
  readonly expectComplete: (who: string, log: readonly ObservedBatch[]) => void;
}

/**
 * Invariants 16, 17, from disks and the wire. As a node appends its first batch as leader: the voters in force, by its own log, have elected it with a majority, and everything that
 * was committed is in its log. As a leader appends other voters: they differ by one from those in force (any two majorities have a member in common), and a majority of those
 * in force has the change before, and the beginning of the leader's epoch, on its disk. As a change is acknowledged: a majority of the voters since it has it. And as the leader
 * goes on: it goes by the newest voters in its log (or in the snapshot that its log begins behind), what is below its high watermark is on the disks of a majority, and it resigns once its own removal is committed.
 */
export class QuorumVoters {
  private readonly named = new Map<string, NamedVoters>();
  /** The first batch of each epoch. */
  private readonly beginnings = new Map<LeaderEpoch, Place>();
  private readonly first: NamedVoters;
  /** How often a voter came or went. */
  changeCount = 0;

  constructor(private readonly options: QuorumVotersOptions) {
    const { cluster, tap, world } = options;
    const ids = cluster.firstVoters;
    this.first = { place: undefined, ids, before: ids, seenAtMs: 0 };
    if (cluster.brokers.length > 1) for (const node of cluster.brokers) node.disk.onLogAppend((path, bytes) => (path.includes(`/${METADATA_FOLDER}/`) ? this.beforeAppend(node, bytes) : undefined));
    tap.watch(
      watching(AddRaftVoter, (_serving, { voterId, ackWhenCommitted }) => {
        const askedAtMs = world.loop.nowMs;
        return ackWhenCommitted === false ? undefined : ({ errorCode }) => (errorCode === ErrorCode.NONE ? this.acknowledged(voterId, askedAtMs, true) : undefined);
      }),
    );
    tap.watch(
      watching(RemoveRaftVoter, (_serving, { voterId }) => {
        const askedAtMs = world.loop.nowMs;
        return ({ errorCode }) => (errorCode === ErrorCode.NONE ? this.acknowledged(voterId, askedAtMs, false) : undefined);
      }),
    );
  }

  /** Every leader of the quorum, as it is at this moment. */
  look(): void {
    if (this.options.cluster.options.quorum === undefined) return;
    for (const node of this.options.cluster.brokers) {
      const machine = node.broker === undefined ? undefined : quorumOf(node.broker);
      if (machine?.role !== 'leader') continue;
      const { highWatermark, voters, epoch } = machine;
      this.lookAtLeader(node, { highWatermark, epoch, voters: voters.ids });
    }
  }

  private lookAtLeader(node: SimulatedBroker, { highWatermark, epoch, voters }: { readonly highWatermark: Offset; readonly epoch: LeaderEpoch; readonly voters: readonly BrokerId[] }): void {
    const { world, observerOf } = this.options;
    const log = observerOf(node).lookAt(METADATA_FOLDER);
    const inForce = this.inForceOn(node);
    const at = `${node.host}, leader of the quorum in epoch ${epoch}`;
    if (!isSameSet(voters, inForce.ids)) world.breach(17, `${at}: goes by the voters ${voters.join()}, the newest in its log are ${inForce.ids.join()}`);
    const isCommitted = inForce.place === undefined || inForce.place.offset < highWatermark;
    if (isCommitted && !inForce.ids.includes(node.brokerId)) world.breach(17, `${at}: leads on, where the committed voters ${inForce.ids.join()} do not name it any more`);
    const last = log[batchIndexAt(log, highWatermark - 1)];
    const beginning = this.beginnings.get(epoch)?.offset ?? highWatermark;
    // Until it has committed something itself, it says what it knew as a follower, of other voters maybe.
    if (highWatermark <= beginning || last === undefined || last.baseOffset >= highWatermark) return;
    const place = { offset: last.baseOffset, epoch: last.leaderEpoch };
    // Below the newest voters, those before them may have been counted.
    const counted = isCommitted ? [inForce.ids] : [inForce.ids, inForce.before];
    if (!counted.some((ids) => this.isOnMajority(ids, place))) {
      world.breach(17, `${at}: takes offset ${highWatermark - 1} for committed, which is durable on ${this.holdersOf(place).join()} of the voters ${inForce.ids.join()}`);
    }
  }

  private beforeAppend(node: SimulatedBroker, bytes: Uint8Array): void {
    for (const { position, header } of batchesOf(bytes)) {
      if (!header.isControl || header.sizeBytes > bytes.length - position) continue;
      const place = { offset: header.baseOffset, epoch: header.leaderEpoch };
      // Who appends it first is the leader, and this is the moment.
      if (this.named.has(nameOf(place)) || this.beginnings.get(place.epoch)?.offset === place.offset) continue;
      const cursor = recordsOf(bytes, nodeCodecs, { position, decompressedBytesMax: DECOMPRESSED_BYTES_MAX });
      while (cursor.next()) {
        const [key, value] = [cursor.key(), cursor.value()];
        if (key === null || value === null) continue;
        const type = controlRecordType(key);
        if (type === 'leaderChange') this.elected(node, place, LeaderChangeMessage.decode(new ByteReader(value), 0).leaderId);
        if (type === 'kraftVoters') this.changed(node, place, VotersRecord.decode(new ByteReader(value), 0).voters.map((it) => it.voterId));
      }
    }
  }

  private elected(node: SimulatedBroker, place: Place, leader: BrokerId): void {
    const { world, votes, observerOf, expectComplete } = this.options;
    this.beginnings.set(place.epoch, place);
    if (leader !== node.brokerId) world.breach(17, `${node.host} is the first to have the beginning of epoch ${place.epoch}, which ${leader} leads`);
    votes.leads(place.epoch, leader);
    const log = observerOf(node).lookAt(METADATA_FOLDER);
    const { ids } = this.inForceOn(node);
    const granted = votes.votersFor(place.epoch, leader).filter((it) => ids.includes(it));
    if (granted.length * 2 <= ids.length) world.breach(17, `${node.host} leads the quorum in epoch ${place.epoch} with the votes of ${granted.join()} of the voters ${ids.join()}`);
    // Elected long ago, and only now told so: others may have led since.
    if ([...this.beginnings.keys()].every((it) => it <= place.epoch)) expectComplete(`${node.host}, leader of the quorum in epoch ${place.epoch}`, log);
  }

  private changed(node: SimulatedBroker, place: Place, ids: readonly BrokerId[]): void {
    const { world } = this.options;
    const before = this.inForceOn(node);
    this.named.set(nameOf(place), { place, ids, before: before.ids, seenAtMs: world.loop.nowMs });
    const at = `${node.host}, offset ${place.offset} of epoch ${place.epoch}`;
    world.journal.write('voters', `${ids.join()}, were ${before.ids.join()} (${at})`);
    const differing = [...ids.filter((it) => !before.ids.includes(it)), ...before.ids.filter((it) => !ids.includes(it))];
    if (differing.length > 0) this.changeCount += 1;
    const beginning = this.beginnings.get(place.epoch);
    // With its first batch a leader may say again who votes, and where it listens itself.
    const isBeginning = beginning?.offset === place.offset;
    if (differing.length > (isBeginning ? 0 : 1)) world.breach(17, `${at}: the voters go from ${before.ids.join()} to ${ids.join()} in one step`);
    if (isBeginning) return;
    if (before.place !== undefined && !this.isOnMajority(before.ids, before.place)) {
      world.breach(17, `${at}: the voters become ${ids.join()}, where the change to ${before.ids.join()} at offset ${before.place.offset} is durable on ${this.holdersOf(before.place).join() || 'nobody'}`);
    }
    if (beginning === undefined || !this.isOnMajority(before.ids, beginning)) {
      world.breach(17, `${at}: the voters become ${ids.join()}, where of the voters ${before.ids.join()} no majority has the beginning of the epoch`);
    }
  }

  /** By the answer to the operator: the change is committed. */
  private acknowledged(id: BrokerId, askedAtMs: number, isAdded: boolean): void {
    const what = `voter ${id} is ${isAdded ? 'added' : 'removed'}`;
    // The answer may be late: the same voter may have gone and come again since.
    const changes = [...this.named.values()].filter((it) => it.seenAtMs >= askedAtMs && it.ids.includes(id) === isAdded && it.before.includes(id) !== isAdded);
    const [change] = changes;
    if (change === undefined) this.options.world.breach(17, `${what} by an answer, and by no log since it was asked for`);
    else if (!changes.some((it) => this.isOnMajority(it.ids, it.place))) this.options.world.breach(17, `${what} by an answer, which is durable on ${this.holdersOf(change.place).join() || 'nobody'} of ${change.ids.join()}`);
  }

  /** The newest voters on a disk: in its log, or in the snapshot that stands for what the log has no more. */
  private inForceOn(node: SimulatedBroker): NamedVoters {
    const log = this.options.observerOf(node).lookAt(METADATA_FOLDER);
    const [newest] = node.disk.snapshotsOf(METADATA_FOLDER).sort((a, b) => b.endOffset - a.endOffset);
    const inLog = this.newestIn(log);
    if (newest === undefined || (inLog?.place?.offset ?? -1) >= newest.endOffset) return inLog ?? this.first;
    const inSnapshot = this.newestInSnapshot(node, newest);
    if (inLog === undefined) return inSnapshot;
    // As long as the log has them too, they say the same.
    if (!isSameSet(inLog.ids, inSnapshot.ids)) {
      this.options.world.breach(17, `${node.host}: its snapshot at ${newest.endOffset} has the voters ${inSnapshot.ids.join()}, its log below has ${inLog.ids.join()} at offset ${inLog.place?.offset}`);
    }
    return inLog;
  }

  private newestIn(log: readonly ObservedBatch[]): NamedVoters | undefined {
    for (let i = log.length - 1; i >= 0; i--) {
      const batch = log[i]!;
      const named = batch.isControl ? this.named.get(nameOf({ offset: batch.baseOffset, epoch: batch.leaderEpoch })) : undefined;
      if (named !== undefined) return named;
    }
    return undefined;
  }

  /** What a snapshot says of the voters was said by some log below its end. */
  private newestInSnapshot(node: SimulatedBroker, { endOffset, epoch, bytes }: SnapshotFile): NamedVoters {
    const ids = votersIn(bytes);
    // With a static quorum no record names them.
    if (ids === undefined) return this.first;
    const said = [...this.named.values()].filter(({ place, ids: its }) => place !== undefined && place.offset < endOffset && place.epoch <= epoch && isSameSet(its, ids));
    const newest = said.sort((a, b) => (b.place?.epoch ?? -1) - (a.place?.epoch ?? -1) || (b.place?.offset ?? -1) - (a.place?.offset ?? -1))[0];
    if (newest === undefined && !isSameSet(ids, this.first.ids)) this.options.world.breach(17, `${node.host}: its snapshot at ${endOffset} of epoch ${epoch} has the voters ${ids.join()}, which no log had below`);
    return newest ?? this.first;
  }

  private isOnMajority(ids: readonly BrokerId[], place: Place | undefined): boolean {
    const holders = this.holdersOf(place);
    return ids.filter((it) => holders.includes(it)).length * 2 > ids.length;
  }

  /** Whose disk would have the batch, or a snapshot that stands for it, after a loss of power, whether the node lives or not. */
  private holdersOf(place: Place | undefined): BrokerId[] {
    if (place === undefined) return [];
    return this.options.cluster.brokers.filter(({ disk }) => {
      const found = disk.durableLogsOf(METADATA_FOLDER).map((bytes) => epochAt(bytes, place.offset));
      if (found.some((it) => it !== undefined)) return found.includes(place.epoch);
      return disk.snapshotsOf(METADATA_FOLDER).some((it) => it.isDurable && it.endOffset > place.offset && it.epoch >= place.epoch);
    }).map((it) => it.brokerId);
  }
}

function nameOf({ offset, epoch }: Place): string {
  return `${offset}/${epoch}`;
}

/** Of the batch that begins at this offset; undefined: none does. */
function epochAt(bytes: Uint8Array, offset: Offset): LeaderEpoch | undefined {
  for (let at = 0, size = observedSizeAt(bytes, 0); size > 0; at += size, size = observedSizeAt(bytes, at)) {
    const baseOffset = batchBaseOffsetAt(bytes, at);
    if (baseOffset >= offset) return baseOffset === offset ? batchLeaderEpochAt(bytes, at) : undefined;
  }
  return undefined;
}

/** The newest voters that a control batch names; undefined: none does. */
function votersIn(bytes: Uint8Array): readonly BrokerId[] | undefined {
  let ids: readonly BrokerId[] | undefined;
  for (const { position, header } of batchesOf(bytes)) {
    if (!header.isControl || header.sizeBytes > bytes.length - position) continue;
    const cursor = recordsOf(bytes, nodeCodecs, { position, decompressedBytesMax: DECOMPRESSED_BYTES_MAX });
    while (cursor.next()) {
      const [key, value] = [cursor.key(), cursor.value()];
      if (key !== null && value !== null && controlRecordType(key) === 'kraftVoters') ids = VotersRecord.decode(new ByteReader(value), 0).voters.map((it) => it.voterId);
    }
  }
  return ids;
}
