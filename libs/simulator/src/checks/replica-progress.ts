import type { Offset } from '@millrace/foundation';
import type { World } from '../world.js';
import type { HostedReplica } from './broker-view.js';

export interface ReplicaLook {
  /** The life of the process that hosts it. */
  readonly who: string;
  readonly node: number;
  readonly key: string;
  readonly name: string;
  readonly hosted: HostedReplica;
}

interface Seen {
  /** Another one: the broker has deleted the replica meanwhile, and has it anew. */
  readonly hosted: HostedReplica;
  leaderEpoch: number;
  partitionEpoch: number;
  highWatermark: Offset;
  logStartOffset: Offset;
  wasLeader: boolean;
}

/** Invariants 2, 3, 6, 8: what never goes back, and in which order offsets stand, as the memory of each broker has it. */
export class ReplicaProgress {
  private readonly seen = new Map<string, Seen>();
  /** By partition and leader epoch: who led. */
  private readonly leaders = new Map<string, number>();
  private readonly latestEpochs = new Map<string, number>();

  constructor(private readonly world: World) {}

  isLatestEpoch(key: string, leaderEpoch: number): boolean {
    return (this.latestEpochs.get(key) ?? -1) <= leaderEpoch;
  }

  look({ who, node, key, name, hosted }: ReplicaLook): void {
    const { machine, log } = hosted;
    const { leaderEpoch, partitionEpoch, highWatermark } = machine;
    const isLeader = machine.role === 'leader';
    const { logStartOffset } = log;
    const at = `${who}, ${name}`;
    if (!(logStartOffset <= machine.lastStableOffset && machine.lastStableOffset <= highWatermark && highWatermark <= log.logEndOffset)) {
      this.world.breach(3, `${at}: log start ${logStartOffset}, last stable offset ${machine.lastStableOffset}, high watermark ${highWatermark}, log end ${log.logEndOffset}`);
    }
    if (isLeader) this.lead(node, key, name, leaderEpoch);
    this.latestEpochs.set(key, Math.max(this.latestEpochs.get(key) ?? -1, leaderEpoch));
    const before = this.seen.get(`${who}/${key}`);
    if (before?.hosted === hosted) {
      if (leaderEpoch < before.leaderEpoch || partitionEpoch < before.partitionEpoch) this.world.breach(6, `${at}: from epochs ${before.leaderEpoch}/${before.partitionEpoch} back to ${leaderEpoch}/${partitionEpoch}`);
      if (isLeader && before.wasLeader && highWatermark < before.highWatermark) this.world.breach(2, `${at}: the high watermark of the leader falls from ${before.highWatermark} to ${highWatermark}`);
      if (logStartOffset < before.logStartOffset) this.world.breach(28, `${at}: the log start falls from ${before.logStartOffset} to ${logStartOffset}`);
    }
    this.seen.set(`${who}/${key}`, { hosted, leaderEpoch, partitionEpoch, highWatermark, logStartOffset, wasLeader: isLeader });
    this.checkEpochs(at, log.leaderEpochs);
  }

  private lead(node: number, key: string, name: string, leaderEpoch: number): void {
    const epoch = `${key}/${leaderEpoch}`;
    const before = this.leaders.get(epoch);
    if (before !== undefined && before !== node) this.world.breach(6, `${name}: brokers ${before} and ${node} both lead in epoch ${leaderEpoch}`);
    this.leaders.set(epoch, node);
  }

  private checkEpochs(at: string, epochs: readonly { readonly epoch: number; readonly startOffset: Offset }[]): void {
    for (let i = 1; i < epochs.length; i++) {
      const previous = epochs[i - 1]!;
      const current = epochs[i]!;
      if (current.epoch <= previous.epoch || current.startOffset <= previous.startOffset) {
        this.world.breach(8, `${at}: epoch ${previous.epoch} from ${previous.startOffset} on is followed by epoch ${current.epoch} from ${current.startOffset} on`);
        return;
      }
    }
  }
}
