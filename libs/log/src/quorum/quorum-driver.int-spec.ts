import { ZERO_UUID, type LeaderEpoch } from '@millrace/foundation';
import { MetadataImage } from '@millrace/metadata';
import { nodeCodecs, systemClock, systemRandom } from '@millrace/platform';
import type { MetadataRecord } from '@millrace/protocol';
import { DEFAULT_RAFT_SETTINGS, type FetchRequest } from '@millrace/raft';
import { LogDirectory, QuorumStateFile, type Processes } from '@millrace/storage';
import { FaultyFileSystem, RecordingLogger, waitFor, type DiskCall, type DiskFault } from '@millrace/testkit';
import { BrokerConfig } from '../config/broker-config.js';
import { nodePorts } from '../node/node-ports.js';
import { MetadataSnapshots } from './metadata-snapshots.js';
import { MetadataStore } from './metadata-store.js';
import { QuorumDriver, type QuorumReply } from './quorum-driver.js';

const SETTINGS = { 'metadata.log.max.record.bytes.between.snapshots': '2000', 'metadata.max.retention.bytes': '1' };
const PROCESSES: Processes = { pid: 1, identity: () => 'this one', lockHolder: () => undefined };
const RECORD: MetadataRecord = { type: 'ConfigRecord', version: 0, record: { resourceType: 2, resourceName: 'orders', name: 'retention.ms', value: '9'.repeat(400) } };
/** Too much for a read on the spot, so that the driver waits for the disk. */
const LARGE = 1024 * 1024;

function gate(): { readonly opened: Promise<void>; open: () => void } {
  let open = (): void => undefined;
  return { opened: new Promise<void>((resolve) => (open = resolve)), open };
}

/** The only voter of a quorum, with snapshots after a few records and nothing kept that they stand for. */
class LoneLeader {
  readonly failures: unknown[] = [];

  private constructor(readonly disk: FaultyFileSystem, readonly logger: RecordingLogger, readonly store: MetadataStore, readonly driver: QuorumDriver) {}

  static async start(): Promise<LoneLeader> {
    const disk = new FaultyFileSystem();
    const logger = new RecordingLogger();
    const ports = nodePorts({ fileSystem: disk });
    const common = { fileSystem: disk, clock: systemClock, codecs: nodeCodecs, logger };
    const directory = await LogDirectory.open({ ...common, folder: '/data', nodeId: 1, clusterId: 'cluster', random: systemRandom, processes: PROCESSES, tailBytesMax: 0 });
    const store = await MetadataStore.open({ ...common, directory, segmentBytes: 1024, segmentMs: 3_600_000, decompressedBytesMax: LARGE });
    const parts: { snapshots?: MetadataSnapshots; leader?: LoneLeader } = {};
    const endpoints = [{ name: 'CONTROLLER', host: 'localhost', port: 9093 }];
    const driver = new QuorumDriver({
      machine: {
        nodeId: 1,
        directoryId: directory.directoryId,
        clusterId: 'cluster',
        listenerName: 'CONTROLLER',
        localListeners: endpoints,
        canBecomeVoter: true,
        isJoiningByItself: false,
        bootstrapServers: [],
        staticVoters: [{ voterId: 1, voterDirectoryId: ZERO_UUID, endpoints, kRaftVersionFeature: { minSupportedVersion: 0, maxSupportedVersion: 0 } }],
        settings: DEFAULT_RAFT_SETTINGS,
      },
      store,
      stateFile: new QuorumStateFile(disk, store.log.folder),
      ports,
      requestTimeoutMs: 1000,
      decompressedBytesMax: LARGE,
      logger,
      listener: {
        loadSnapshot: () => Promise.resolve(),
        commit: (batch) => {
          parts.snapshots?.followed(batch);
          return Promise.resolve();
        },
      },
      onRoleChange: () => undefined,
      onFailure: (error) => parts.leader?.failures.push(error),
    });
    parts.snapshots = new MetadataSnapshots({ config: new BrokerConfig({ ...SETTINGS, 'log.dirs': '/data' }), store, quorum: driver, image: new MetadataImage(), logger });
    const leader = (parts.leader = new LoneLeader(disk, logger, store, driver));
    await driver.start();
    return leader;
  }

  get epoch(): LeaderEpoch {
    return this.driver.epoch;
  }

  get snapshotsWritten(): number {
    return this.logger.lines.filter((it) => it.message === 'wrote a snapshot of the metadata').length;
  }

  append(): Promise<number | undefined> {
    return this.driver.asLeader(this.epoch, (turn) => turn?.append([RECORD]));
  }

  async appendUntil(what: string, isSo: () => boolean): Promise<void> {
    await waitFor(what, 10_000, async () => isSo() || ((await this.append()) === undefined ? false : isSo()));
  }

  fetch(replicaId: number, fetchOffset: number, maxBytes = LARGE): Promise<QuorumReply | undefined> {
    const request: FetchRequest = { api: 'fetch', clusterId: 'cluster', replicaId, replicaDirectoryId: ZERO_UUID, maxWaitMs: 0, maxBytes, currentLeaderEpoch: this.epoch, fetchOffset, lastFetchedEpoch: fetchOffset === 0 ? 0 : this.epoch, highWatermark: -1 };
    return this.driver.ask(request);
  }

  /** The driver waits for a read of the log for a node that lags, until the gate is opened. */
  async beBusy(more: (call: DiskCall) => DiskFault | undefined = () => undefined): Promise<{ readonly answer: Promise<QuorumReply | undefined>; readonly open: () => void }> {
    const { opened, open } = gate();
    let isReading = false;
    this.disk.inject = (call) => {
      if (call.operation !== 'read' || !call.isAsync) return more(call);
      isReading = true;
      return { kind: 'delay', until: opened };
    };
    const answer = this.fetch(2, 1);
    await waitFor('the log is being read', 5000, () => Promise.resolve(isReading));
    return { answer, open };
  }
}

let leader: LoneLeader | undefined;
afterEach(async () => {
  if (leader === undefined) return;
  leader.disk.inject = () => undefined;
  await leader.driver.stop(1000);
  leader = undefined;
});

describe('a leader that removes what a snapshot stands for', () => {
  it('answers from the log to who asked before, and from the snapshot to who asks behind it', async () => {
    leader = await LoneLeader.start();
    const it = leader;
    await it.appendUntil('the first snapshot is written', () => it.snapshotsWritten === 1);
    const writing = gate();
    let isWriting = false;
    const slowSnapshot = (call: DiskCall): DiskFault | undefined => {
      if (call.operation !== 'sync' || !call.path.includes('.checkpoint')) return undefined;
      isWriting = true;
      return { kind: 'delay', until: writing.opened };
    };
    it.disk.inject = slowSnapshot;
    await it.appendUntil('a second snapshot is being written', () => isWriting);
    const { answer, open } = await it.beBusy(slowSnapshot);
    const next = it.fetch(3, 1);
    writing.open();
    await waitFor('the second snapshot is written', 5000, () => Promise.resolve(it.snapshotsWritten === 2));
    open();
    expect((await answer)?.bytes?.length).toBeGreaterThan(0);
    expect((await next)?.bytes?.length).toBeGreaterThan(0);
    await waitFor('the log is cut', 5000, () => Promise.resolve(it.store.log.logStartOffset > 0));
    const { endOffset, epoch } = it.store.snapshots.list().at(-1) ?? {};
    expect((await it.fetch(3, 1))?.answer).toMatchObject({ errorCode: 'NONE', snapshotId: { endOffset, epoch } });
    expect(await it.append()).toBeGreaterThan(0);
    expect(it.failures).toEqual([]);
  }, 30_000);

  it('offers what is there when it is told, not what was there when that was asked for', async () => {
    leader = await LoneLeader.start();
    await leader.append();
    await leader.append();
    const { open } = await leader.beBusy();
    const told = leader.driver.snapshotsChanged(() => undefined);
    const id = { endOffset: 2, epoch: leader.epoch };
    await leader.store.snapshots.write(id, { records: [RECORD], kRaftVersion: 0, voters: [] }, 0);
    open();
    await told;
    expect((await leader.fetch(3, 0))?.answer).toMatchObject({ errorCode: 'NONE', snapshotId: id });
  }, 30_000);
});

describe('a driver whose disk fails', () => {
  it('settles whoever waits for a turn', async () => {
    leader = await LoneLeader.start();
    const it = leader;
    await it.append();
    await it.append();
    await waitFor('no flush is under way that would bring another turn', 5000, () => Promise.resolve(it.driver.highWatermark === it.store.logEndOffset));
    const { open } = await it.beBusy((call) => (call.operation === 'read' && call.path.endsWith('.log') ? { kind: 'error', errno: 'EIO' } : undefined));
    // Small enough to be read on the spot: the disk's refusal is thrown where the machine's effects are carried out.
    const refused = it.fetch(3, 1, 1000);
    const turn = it.driver.asLeader(it.epoch, (given) => given === undefined);
    const told = it.driver.snapshotsChanged(() => undefined);
    open();
    await waitFor('it has failed', 5000, () => Promise.resolve(it.failures.length === 1));
    expect(await Promise.all([refused, turn, told])).toEqual([undefined, true, undefined]);
  }, 10_000);
});
