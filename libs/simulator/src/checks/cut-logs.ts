import type { SimulatedBroker } from '../cluster/simulated-broker.js';
import type { World } from '../world.js';
import { viewOf, type HostedReplica } from './broker-view.js';
import type { CommittedLog } from './committed-log.js';
import { METADATA_FOLDER } from './metadata-history.js';
import { batchIndexAt, isSameBatch, type LogObserver, type ObservedBatch } from './log-observer.js';

export interface CutLogsOptions {
  readonly world: World;
  readonly observerOf: (node: SimulatedBroker) => LogObserver;
  readonly committedOf: (hosted: HostedReplica) => CommittedLog;
  /** Something of the metadata log is about to go: the last time to look at it. */
  readonly beforeMetadataCut: () => void;
}

/** Invariant 13: a follower that cuts its log cuts nothing off that was below a leader's high watermark. Looked at when the cut is made: a moment later it has fetched it again. */
export class CutLogs {
  private readonly due = new Set<string>();

  constructor(private readonly options: CutLogsOptions) {}

  watch(node: SimulatedBroker): void {
    node.disk.onLogCut = (path) => this.beforeCut(node, path);
  }

  private beforeCut(node: SimulatedBroker, path: string): void {
    const { world, observerOf } = this.options;
    const { process, broker } = node;
    const folder = path.slice(path.lastIndexOf('/', path.lastIndexOf('/') - 1) + 1, path.lastIndexOf('/'));
    if (folder === METADATA_FOLDER) return this.options.beforeMetadataCut();
    const key = `${node.host}/${folder}`;
    const hosted = broker === undefined || !node.isUp ? undefined : viewOf(broker)?.partitions.find((it) => `${it.topic}-${it.partition}` === folder);
    if (process === undefined || hosted === undefined || hosted.machine.role !== 'follower' || this.due.has(key)) return;
    // What an append that failed has written in part was never in the log.
    const before = observerOf(node).lookAt(folder).filter((it) => it.lastOffset < hosted.machine.logEndOffset);
    this.due.add(key);
    world.loop.schedule(0, 'look at what was cut', () => {
      this.due.delete(key);
      if (process.isDead || hosted.machine.role === 'offline') return;
      this.compare(node, hosted, before, observerOf(node).lookAt(folder));
    });
  }

  private compare(node: SimulatedBroker, hosted: HostedReplica, before: readonly ObservedBatch[], now: readonly ObservedBatch[]): void {
    const { world, committedOf } = this.options;
    const committed = committedOf(hosted);
    const isHosted = node.broker !== undefined && viewOf(node.broker)?.partitions.includes(hosted) === true;
    if (!isHosted) return;
    // From the end, as far as the two differ.
    for (let i = before.length - 1; i >= 0; i--) {
      const batch = before[i]!;
      const still = now[batchIndexAt(now, batch.baseOffset)];
      if (still !== undefined && isSameBatch(still, batch)) return;
      if (batch.baseOffset >= hosted.log.logStartOffset && committed.has(batch)) {
        world.breach(13, `${node.host}, ${hosted.topic}-${hosted.partition}: cuts off offsets ${batch.baseOffset}-${batch.lastOffset} of epoch ${batch.leaderEpoch}, which were below a leader's high watermark (${committed.endOffset}); its log ends at ${now.at(-1)?.lastOffset ?? -1}`);
        return;
      }
    }
  }
}
