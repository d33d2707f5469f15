import type { Offset } from '@millrace/foundation';
import type { World } from '../world.js';
import { isSameBatch, type ObservedBatch } from './log-observer.js';

/**
 * What of one partition was ever committed: batches below a high watermark that some leader had. It only grows, and whoever has something at these offsets below its own high
 * watermark has the same (Invariants 1, 5, 7).
 */
export class CommittedLog {
  readonly batches: ObservedBatch[] = [];
  /** Everything before was committed. */
  endOffset: Offset = 0;
  /** Of each log that was compared: how much of it, and with how much of this. A log that only grows is not compared again from its start. */
  private readonly compared = new WeakMap<readonly ObservedBatch[], { theirs: number; mine: number }>();
  private readonly complete = new WeakMap<readonly ObservedBatch[], { theirs: number; mine: number }>();

  constructor(private readonly world: World, readonly name: string) {}

  /** The whole log of one replica, as it is on its disk, of which everything below `highWatermark` is committed. */
  compare(who: string, log: readonly ObservedBatch[], highWatermark: Offset): void {
    // Where it begins is not known yet.
    if (log.length === 0) return;
    let { theirs, mine } = this.compared.get(log) ?? { theirs: 0, mine: 0 };
    // It begins where it begins, also when what is before that becomes known only now.
    if (theirs === 0) mine = lowerBound(this.batches, log[0]?.baseOffset ?? 0);
    for (; theirs < log.length; theirs++) {
      const batch = log[theirs]!;
      if (batch.lastOffset >= highWatermark) break;
      const known = this.batches[mine];
      if (known === undefined) {
        if (batch.baseOffset >= this.endOffset) this.push(batch);
        mine = this.batches.length;
        continue;
      }
      // Nobody was seen to have these offsets: a snapshot stands for them where the others were looked at.
      if (batch.lastOffset < known.baseOffset && batch.baseOffset > (this.batches[mine - 1]?.lastOffset ?? -1)) continue;
      if (!isSameBatch(known, batch)) {
        this.world.breach(7, `${this.name}: at offset ${batch.baseOffset} ${who} has ${describe(batch)} below its high watermark ${highWatermark}, where ${describe(known)} was committed`);
        return;
      }
      mine += 1;
    }
    this.compared.set(log, { theirs, mine });
  }

  /** A leader has everything that was committed, save what is before its log start. */
  expectComplete(who: string, log: readonly ObservedBatch[], logStartOffset: Offset, invariant = 5): void {
    const last = this.batches.at(-1);
    if (last === undefined || last.lastOffset < logStartOffset) return;
    const done = this.complete.get(log);
    let theirs = done?.theirs ?? 0;
    let mine = Math.max(done?.mine ?? 0, lowerBound(this.batches, Math.max(logStartOffset, log[0]?.baseOffset ?? 0)));
    for (; mine < this.batches.length; mine++) {
      const known = this.batches[mine]!;
      while (theirs < log.length && log[theirs]!.baseOffset < known.baseOffset) theirs += 1;
      const found = log[theirs];
      if (found !== undefined && isSameBatch(found, known)) continue;
      this.world.breach(invariant, `${this.name}: ${describe(known)} at offset ${known.baseOffset} was committed; the leader ${who} has ${found === undefined ? 'nothing' : `${describe(found)} at ${found.baseOffset}`} there, its log ends at ${log.at(-1)?.lastOffset ?? -1}`);
      return;
    }
    this.complete.set(log, { theirs, mine });
  }

  has(batch: ObservedBatch): boolean {
    const known = this.batches[lowerBound(this.batches, batch.baseOffset)];
    return known !== undefined && isSameBatch(known, batch);
  }

  private push(batch: ObservedBatch): void {
    this.batches.push(batch);
    this.endOffset = batch.lastOffset + 1;
  }
}

function describe(batch: ObservedBatch): string {
  return `batch ${batch.baseOffset}-${batch.lastOffset} of epoch ${batch.leaderEpoch} (crc ${batch.crc.toString(16)})`;
}

/** The first batch that begins at or behind the offset. */
function lowerBound(batches: readonly ObservedBatch[], offset: Offset): number {
  let low = 0;
  let high = batches.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (batches[middle]!.baseOffset < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}
