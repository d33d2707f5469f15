import type { Offset, Scheduled, Scheduler } from '@millrace/foundation';
import { MetadataDelta, MetadataImage } from '@millrace/metadata';
import type { MetadataRecord } from '@millrace/protocol';

interface Waiting {
  readonly isThere: (image: MetadataImage) => boolean;
  readonly resolve: (isThere: boolean) => void;
  readonly timer: Scheduled;
}

/**
 * A broker's view of the cluster: committed metadata in order, one run at a time. What it means for this broker is done before the next run is taken, and before anybody
 * who waits is told.
 */
export class ImageFollower {
  readonly image = new MetadataImage();
  private readonly waiting = new Set<Waiting>();
  private isServing = false;

  /** `onChange` does what follows for this broker; it is not called before `begin`. */
  constructor(
    private readonly scheduler: Scheduler,
    private readonly onChange: (delta: MetadataDelta) => Promise<void>,
  ) {}

  /** From here on changes are acted upon; what was replayed before is for the caller to take up. */
  begin(): void {
    this.isServing = true;
  }

  /** A record of before `begin`. */
  load(record: MetadataRecord, offset: Offset): void {
    this.image.replay(record);
    this.image.lastOffset = offset;
  }

  async follow(records: readonly MetadataRecord[], baseOffset: Offset): Promise<void> {
    const delta = new MetadataDelta();
    for (const record of records) this.image.replay(record, delta);
    this.image.lastOffset = baseOffset + records.length - 1;
    if (this.isServing) await this.onChange(delta);
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

  private tellWaiting(): void {
    for (const it of this.waiting) if (it.isThere(this.image)) this.end(it, true);
  }

  private end(waiting: Waiting, isThere: boolean): void {
    waiting.timer.cancel();
    this.waiting.delete(waiting);
    waiting.resolve(isThere);
  }
}
