import { Admin, KafkaClient, throwFailures } from '@millrace/client';
import { errorMessage, isRetriable, randomUuid } from '@millrace/foundation';
import { checkAcknowledged } from './checks/acknowledged-records.js';
import { checkCommittedOffsets } from './checks/committed-offsets.js';
import { readEverything } from './checks/final-reading.js';
import { ClusterProbe } from './checks/cluster-probe.js';
import { SimulatedCluster, type Durability, type DynamicQuorum } from './cluster/simulated-cluster.js';
import { FaultMenu, FAULTS, type Fault } from './faults/fault-menu.js';
import { TopicChurn } from './workload/topic-churn.js';
import { GroupOnlooker } from './workload/group-onlooker.js';
import { GroupWorkload } from './workload/group-workload.js';
import { History } from './workload/history.js';
import { VoterChurn } from './workload/voter-churn.js';
import { ProducerWorkload } from './workload/producer-workload.js';
import { SimulatedClient } from './workload/simulated-client.js';
import type { World } from './world.js';

export interface ScenarioOptions {
  /** How long things go wrong; the time to recover and to look at everything comes on top. */
  readonly minutes: number;
  readonly nodes: number;
  readonly durability?: Durability;
  readonly faults?: readonly Fault[];
  /** Left out: the seed decides, for clusters of at least three. */
  readonly voters?: VoterKind;
}

/** `static`: as the properties say. `dynamic`: in the metadata log (KIP-853), and changed while the cluster works. */
export type VoterKind = 'static' | 'dynamic';

/** After the last fault everything must be well again within this time. */
const RECOVERY_MS = 120_000;
const TOPICS = [
  { name: 'orders', partitions: 3 },
  { name: 'ledger', partitions: 1 },
];
const GROUP = 'billing';

/** One cluster with its clients, from the first start to the last look. What the seed does not decide stands in the options. */
export class Scenario {
  readonly history: History;
  readonly cluster: SimulatedCluster;
  readonly faults: FaultMenu;
  readonly probe: ClusterProbe;
  private readonly producers: ProducerWorkload[] = [];
  private readonly group: GroupWorkload;
  private readonly onlooker: GroupOnlooker;
  private readonly churn: TopicChurn;
  private readonly voters: VoterChurn | undefined;
  private readonly director: SimulatedClient;
  private readonly admin: Admin;
  private readonly random;

  constructor(private readonly world: World, private readonly options: ScenarioOptions) {
    this.random = world.chance('scenario');
    const durability = options.durability ?? (this.random.chance(0.5) ? 'flush' : 'page-cache');
    this.cluster = new SimulatedCluster(world, { nodes: options.nodes, durability, quorum: dynamicQuorum(world, options), properties: metadataSnapshots(world) });
    this.history = new History(world);
    this.probe = new ClusterProbe(world, this.cluster);
    const { cluster, history } = this;
    const compressions = ['none', 'none', 'lz4', 'gzip', 'snappy'] as const;
    const producer = (name: string, isIdempotent: boolean): ProducerWorkload => new ProducerWorkload({ world, cluster, history, name, topics: TOPICS, isIdempotent, compressionType: this.random.pick(compressions) });
    this.producers.push(producer('producer-1', true), producer('producer-2', true), producer('producer-3', false));
    this.group = new GroupWorkload({ world, cluster, history, group: GROUP, topics: TOPICS.map((it) => it.name), members: 2 });
    this.onlooker = new GroupOnlooker({ world, cluster, group: GROUP });
    this.director = new SimulatedClient(world, cluster, 'director');
    this.admin = new Admin({ client: new KafkaClient(this.director.options()) });
    this.churn = new TopicChurn({ world, cluster, steadyTopics: TOPICS, beforeHandover: () => this.faults.handover() });
    this.voters = this.cluster.options.quorum === undefined ? undefined : new VoterChurn({ world, cluster });
    this.faults = new FaultMenu({ world, cluster, faults: options.faults ?? FAULTS, clientHosts: () => ['producer-1', 'producer-2', `${GROUP}-member-1`], isAllInSync: () => this.probe.isAllInSync(), quorum: this.probe.votes });
  }

  /** Resolves when it is over, well or not; breaches are in the world. */
  async run(): Promise<void> {
    const { world } = this;
    await this.cluster.format();
    this.cluster.start();
    this.probe.start();
    await this.within('the cluster starts', 60_000, async () => {
      while (!this.cluster.isAllUp) await this.director.process.sleep(100);
      await this.createTopics();
    });
    for (const it of this.producers) it.start();
    this.group.start();
    this.onlooker.start();
    this.churn.start();
    this.voters?.start();
    this.faults.start();
    this.disturbGroup();
    await this.director.process.sleep(this.options.minutes * 60_000);
    this.faults.end();
    this.onlooker.stop();
    this.churn.stop();
    this.voters?.stop();
    await this.within('the cluster recovers', RECOVERY_MS, () => this.settle());
    await this.within('everything can be read', RECOVERY_MS, () => this.lookAtEverything());
    this.probe.finish();
    world.journal.write('scenario', 'is over');
  }

  private disturbGroup(): void {
    this.world.loop.schedule(5000 + this.random.integer(20_000), 'disturb group', () => {
      if (this.world.loop.nowMs > this.options.minutes * 60_000) return;
      this.group.disturb();
      this.disturbGroup();
    });
  }

  private async createTopics(): Promise<void> {
    await this.insisting(async () => {
      const known = new Set((await this.admin.listTopics()).map((it) => it.name));
      const missing = TOPICS.filter((it) => !known.has(it.name));
      if (missing.length > 0) throwFailures(await this.admin.createTopics(missing.map((it) => ({ ...it, replicationFactor: this.cluster.replicationFactor }))));
    });
  }

  private async settle(): Promise<void> {
    while (!this.cluster.isAllUp || !this.probe.isAllInSync()) await this.director.process.sleep(200);
    await Promise.all(this.producers.map((it) => it.stop()));
    // Let the group read to the end before it leaves.
    await this.director.process.sleep(3000);
    await this.group.stop();
    await this.director.process.sleep(2000);
  }

  private async lookAtEverything(): Promise<void> {
    const { world, history } = this;
    const read = await this.insisting(() => readEverything(new SimulatedClient(world, this.cluster, 'reader'), this.admin, TOPICS));
    checkAcknowledged(world, history, read);
    await this.insisting(() => checkCommittedOffsets(world, history, this.admin, [GROUP], read));
  }

  /** Tries again after failures that may be. */
  private async insisting<T>(what: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await what();
      } catch (error) {
        if (!isRetriable(error)) throw error;
        this.world.journal.write('director', `tries again: ${errorMessage(error)}`);
        await this.director.process.sleep(500);
      }
    }
  }

  private async within(what: string, ms: number, work: () => Promise<void>): Promise<void> {
    let isOver = false;
    const limit = this.director.process.after(ms, 'limit', () => {
      if (!isOver) this.world.breach(`${what} within ${ms / 1000} s`, this.probe.situation());
    });
    await work();
    isOver = true;
    limit.isCancelled = true;
  }
}

/** Of three clusters one. The others never have as much metadata as Kafka's defaults ask for, and write no snapshot. */
const SNAPSHOTS_SHARE = 1 / 3;

/** Snapshots after a few records or seconds, and nothing kept for long that they stand for: who was away begins from one. */
function metadataSnapshots(world: World): Readonly<Record<string, string>> {
  const random = world.chance('metadata snapshots');
  if (!random.chance(SNAPSHOTS_SHARE)) return {};
  const isBySize = random.chance(0.5);
  return {
    'metadata.log.max.record.bytes.between.snapshots': String(500 + random.integer(8000)),
    'metadata.log.max.snapshot.interval.ms': String(1000 + random.integer(15_000)),
    'metadata.log.segment.bytes': String(1024 + random.integer(8192)),
    ...(isBySize ? { 'metadata.max.retention.bytes': String(1 + random.integer(20_000)) } : { 'metadata.max.retention.ms': String(1000 + random.integer(20_000)) }),
  };
}

/** One of five clusters that can have one. */
const DYNAMIC_SHARE = 0.2;

function dynamicQuorum(world: World, { nodes, voters }: ScenarioOptions): DynamicQuorum | undefined {
  const random = world.chance('dynamic voters');
  const isDrawn = random.chance(DYNAMIC_SHARE);
  if (nodes < 3 || voters === 'static' || (voters === undefined && !isDrawn)) return undefined;
  // Most begin with three voters, some with one that the others join.
  const count = random.chance(0.7) ? 3 : 1 + random.integer(nodes);
  const initialVoters = Array.from({ length: count }, (_, i) => ({ id: i + 1, directoryId: randomUuid(random) }));
  return { initialVoters, joinsByItself: random.chance(0.25) };
}
