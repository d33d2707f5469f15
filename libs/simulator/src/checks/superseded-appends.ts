import { batchesOf } from '@millrace/records';
import type { SimulatedBroker } from '../cluster/simulated-broker.js';
import type { SimulatedCluster } from '../cluster/simulated-cluster.js';
import type { World } from '../world.js';
import { viewOf } from './broker-view.js';

/** Invariant 9: a leader appends nothing under an epoch older than the newest that its broker knows, by its partition or its metadata. Judged as the batch goes to the disk. */
export class SupersededAppends {
  constructor(private readonly world: World, cluster: SimulatedCluster) {
    for (const node of cluster.brokers) node.disk.onLogAppend((path, bytes) => this.beforeAppend(node, path, bytes));
  }

  private beforeAppend(node: SimulatedBroker, path: string, bytes: Uint8Array): void {
    // One that stops hands its partitions over first: that is when it hears of other leaders.
    const view = node.broker === undefined || node.process?.isDead === true ? undefined : viewOf(node.broker);
    if (view === undefined) return;
    const at = path.lastIndexOf('/');
    const folder = path.slice(path.lastIndexOf('/', at - 1) + 1, at);
    const hosted = view.partitions.find((it) => `${it.topic}-${it.partition}` === folder);
    // A follower copies batches of older epochs.
    if (hosted?.machine.role !== 'leader') return;
    const known = Math.max(hosted.machine.leaderEpoch, view.image.topicById(hosted.topicId)?.partitions[hosted.partition]?.leaderEpoch ?? -1);
    for (const { header } of batchesOf(bytes)) {
      if (header.leaderEpoch >= known) continue;
      this.world.breach(9, `${node.host}, ${folder}: the leader appends offset ${header.baseOffset} in epoch ${header.leaderEpoch}, knowing of epoch ${known}`);
      return;
    }
  }
}
