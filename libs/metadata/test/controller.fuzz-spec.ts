import { ByteWriter } from '@millrace/foundation';
import { decodeMetadataRecord, encodeMetadataRecord, type MetadataRecord } from '@millrace/protocol';
import { imageRecords, MetadataDelta, MetadataImage, type PartitionRegistration } from '../src/index.js';
import { RandomCluster, type Operation } from './random-cluster.js';

const CLUSTERS = Number(process.env['FUZZ_CLUSTERS'] ?? 60);
const STEPS = 120;
const SEED = Number(process.env['SEED'] ?? 1);

function throughBytes(record: MetadataRecord): MetadataRecord {
  const writer = new ByteWriter();
  encodeMetadataRecord(writer, record);
  return decodeMetadataRecord(writer.take());
}

/** Everything that an image says, in an order of its own. */
function plain(image: MetadataImage): unknown {
  const ordered = <Key>(entries: Iterable<readonly [Key, unknown]>): unknown[] => [...entries].map(([key, value]) => [String(key), value]).sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
  const configs = [...image.configResources].map((it) => [`${it.type} ${it.name}`, [...it.values].sort()] as const);
  return { topics: ordered(image.topics), brokers: ordered(image.brokers), controllers: ordered(image.controllers), configs: ordered(configs), features: ordered(image.featureLevels), producerIds: image.nextProducerId };
}

/** Cheaper than an expectation: it is asked a million times. */
function must(holds: boolean, what: string, ...of: readonly unknown[]): void {
  if (!holds) throw new Error(`${what}: ${of.map((it) => JSON.stringify(it)).join(' ')}`);
}

const MAY_WIDEN = new Set(['alter', 'reassign']);

/** Invariants of the cluster, as the image shows them before and after one operation. */
class Watch {
  private readonly leaders = new Map<string, number>();
  private before = new Map<string, PartitionRegistration>();
  elections = 0;

  check(cluster: RandomCluster, operation: Operation): void {
    const { image } = cluster.controller;
    const after = new Map<string, PartitionRegistration>();
    for (const topic of image.topics.values()) {
      for (const it of topic.partitions) {
        const key = `${topic.topicId} ${it.partitionId}`;
        const was = this.before.get(key);
        after.set(key, it);
        if (it === was) continue;
        this.checkSets(it, image);
        this.checkLeader(key, it);
        if (was === undefined) continue;
        // 6: epochs go on, and a new leader has a new one.
        must(it.partitionEpoch > was.partitionEpoch && it.leaderEpoch >= was.leaderEpoch, 'epochs', was, it);
        must(it.leader === was.leader || it.leaderEpoch > was.leaderEpoch, 'a leader without an epoch', was, it);
        this.checkEntry(was, it, image, operation);
        this.checkElection(was, it, operation, image.configs('TOPIC', topic.name).get('unclean.leader.election.enable') === 'true');
      }
    }
    this.before = after;
  }

  /** 6: one leader for each epoch. */
  private checkLeader(key: string, it: PartitionRegistration): void {
    if (it.leader < 0) return;
    const epoch = `${key} ${it.leaderEpoch}`;
    must((this.leaders.get(epoch) ?? it.leader) === it.leader, 'two leaders in an epoch', it);
    this.leaders.set(epoch, it.leader);
  }

  private checkSets(it: PartitionRegistration, image: MetadataImage): void {
    for (const set of [it.isr, it.eligibleLeaderReplicas, it.addingReplicas, it.removingReplicas]) {
      must(set.every((id) => it.replicas.includes(id)) && new Set(set).size === set.length, 'a set beyond the replicas', it);
    }
    must(!it.eligibleLeaderReplicas.some((id) => it.isr.includes(id)), 'in sync and eligible', it);
    must(it.directories.length === it.replicas.length, 'directories', it);
    // 9, 10: who leads is in sync, and is there.
    must(it.leader < 0 || (it.isr.includes(it.leader) && image.broker(it.leader)?.isFenced === false), 'an unfit leader', it);
  }

  /** 10: who enters an in-sync set is there. 11: by the proposal of a leader that knows the epochs, or as the new leader. */
  private checkEntry(was: PartitionRegistration, it: PartitionRegistration, image: MetadataImage, operation: Operation): void {
    const entered = it.isr.filter((id) => !was.isr.includes(id));
    must(entered.every((id) => image.broker(id)?.isFenced === false) || operation.op === 'reassign', 'a fenced broker enters an in-sync set', was, it);
    must(entered.every((id) => id === it.leader) || MAY_WIDEN.has(operation.op), 'an in-sync set grows of itself', was, it);
    const { partitionEpoch, leaderEpoch, brokerId } = operation;
    if (operation.op === 'alter') must(partitionEpoch === was.partitionEpoch && leaderEpoch === was.leaderEpoch && brokerId === was.leader, 'a stale proposal', operation, was);
  }

  /** 5: the next leader was in sync or eligible, or, marked, the one that led last when nobody is; anyone only where an election may be unclean. */
  private checkElection(was: PartitionRegistration, it: PartitionRegistration, operation: Operation, allowsUnclean: boolean): void {
    if (it.leader === was.leader || it.leader < 0) return;
    this.elections++;
    if (allowsUnclean || operation['electionType'] === 1 || operation.op === 'alter') return;
    const isClean = was.isr.includes(it.leader) || was.eligibleLeaderReplicas.includes(it.leader);
    must(isClean || (was.lastKnownElr.includes(it.leader) && it.isRecovering), 'an unclean election', was, it);
  }
}

describe('random clusters', () => {
  it(`keep their invariants, and every node that replays the same records sees the same (${CLUSTERS} seeds)`, () => {
    let elections = 0;
    for (let seed = SEED; seed < SEED + CLUSTERS; seed++) {
      const cluster = new RandomCluster(seed, seed % 4 > 0);
      const follower = new MetadataImage();
      for (const record of cluster.records) follower.replay(throughBytes(record));
      const watch = new Watch();
      let operation: Operation = cluster.begin;
      try {
        for (let i = 0; i < STEPS; i++) {
          for (const step of cluster.step()) {
            operation = step.operation;
            follower.replayAll(cluster.records.map(throughBytes));
            watch.check(cluster, operation);
          }
        }
        expect(plain(follower)).toEqual(plain(cluster.controller.image));
        checkSnapshot(cluster, follower);
        elections += watch.elections;
      } catch (error) {
        throw new Error(`seed ${seed}: ${JSON.stringify(operation)}`, { cause: error });
      }
    }
    expect(elections).toBeGreaterThan(5 * CLUSTERS);
  }, 120_000);
});

/** A snapshot is the image; from nothing to it, and from it to nothing, is every change. A controller that begins from it goes on as one that never stopped. */
function checkSnapshot(cluster: RandomCluster, follower: MetadataImage): void {
  const rebuilt = new MetadataImage();
  const delta = new MetadataDelta();
  for (const record of imageRecords(follower)) rebuilt.replay(throughBytes(record), delta);
  expect(plain(rebuilt)).toEqual(plain(follower));
  expect(MetadataDelta.between(follower, rebuilt).isEmpty).toBe(true);
  const fromNothing = MetadataDelta.between(new MetadataImage(), rebuilt);
  expect(fromNothing.createdTopicIds).toEqual(delta.createdTopicIds);
  expect(fromNothing.changedPartitions(rebuilt)).toEqual(delta.changedPartitions(rebuilt));
  for (const id of cluster.brokerIds) expect(fromNothing.localChanges(rebuilt, id)).toEqual(delta.localChanges(rebuilt, id));
  expect(MetadataDelta.between(rebuilt, new MetadataImage()).deletedTopics).toHaveLength(rebuilt.topics.size);
  const { controller } = cluster;
  const { lastOffset } = controller.image;
  const reassignments = controller.listPartitionReassignments({ timeoutMs: 1, topics: null });
  controller.load(imageRecords(follower), lastOffset);
  expect(plain(controller.image)).toEqual(plain(follower));
  expect(controller.image.lastOffset).toBe(lastOffset);
  expect(controller.listPartitionReassignments({ timeoutMs: 1, topics: null })).toEqual(reassignments);
}
