import type { Offset, Scheduled, Scheduler } from '@millrace/foundation';
import { MetadataDelta, MetadataImage } from '@millrace/metadata';
import type { MetadataRecord } from '@millrace/protocol';

interface Waiting {
  readonly isThere: (image: MetadataImage) => boolean;
  readonly resolve: (isThere: boolean) => void;
  readonly timer: Scheduled;
}

/** What changes mean for a node; neither is called before `begin`. */
export interface ImageFollowerNode {
  /** The image has just been changed; earlier changes may still be under way. */
  readonly seen: (delta: MetadataDelta) => void;
  /** Does what follows. */
  readonly change: (delta: MetadataDelta) => Promise<void>;
}

/**
 * A node's view of the cluster: committed metadata in order, one run at a time. What it means for this node is done before the next run is taken, and before anybody
 * who waits is told.
 */
export class ImageFollower {
  readonly image = new MetadataImage();
  private readonly waiting = new Set<Waiting>();
  private isServing = false;
  private taking: Promise<void> = Promise.resolve();

  constructor(
    private readonly scheduler: Scheduler,
    private readonly node: ImageFollowerNode = { seen: () => undefined, change: () => Promise.resolve() },
  ) {}

  /** From here on changes are acted upon; `takeUp` takes up what was followed before, and nothing is followed meanwhile. */
  async begin(takeUp: () => Promise<void>): Promise<void> {
    this.isServing = true;
    await this.inTurn(takeUp);
  }

  /** Between two changes: what `work` does with the image, no change does meanwhile. */
  async inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.taking.then(work);
    this.taking = done.catch(() => undefined);
    await done;
  }

  /** A batch without records moves the offset only. */
  async follow(records: readonly MetadataRecord[], nextOffset: Offset): Promise<void> {
    const delta = new MetadataDelta();
    this.image.replayAll(records, delta);
    this.image.lastOffset = nextOffset - 1;
    await this.act(delta, records.length > 0);
    this.tellWaiting();
  }

  /** All that was is replaced by a snapshot. */
  async load(records: readonly MetadataRecord[], endOffset: Offset): Promise<void> {
    const image = new MetadataImage();
    image.replayAll(records);
    image.lastOffset = endOffset - 1;
    const delta = MetadataDelta.between(this.image, image);
    this.image.replaceBy(image);
    await this.act(delta, true);
    this.tellWaiting();
  }

  /** Resolves with true as soon as the image has it, with false when it did not come in time. */
  async until(isThere: (image: MetadataImage) => boolean, timeoutMs: number): Promise<boolean> {
    if (isThere(this.image)) return true;
    return await new Promise((resolve) => {
      const waiting: Waiting = { isThere, resolve, timer: this.scheduler.after(timeoutMs, () => this.end(waiting, false)) };
      this.waiting.add(waiting);
    });
  }

  private async act(delta: MetadataDelta, isChange: boolean): Promise<void> {
    // What comes while the whole image is taken up was in it already, unless it came later.
    if (!this.isServing || !isChange) return;
    this.node.seen(delta);
    await this.inTurn(() => this.node.change(delta));
  }

  /** They look again whether it is as they wait for. */
  tellWaiting(): void {
    for (const it of this.waiting) if (it.isThere(this.image)) this.end(it, true);
  }

  private end(waiting: Waiting, isThere: boolean): void {
    waiting.timer.cancel();
    this.waiting.delete(waiting);
    waiting.resolve(isThere);
  }
}
