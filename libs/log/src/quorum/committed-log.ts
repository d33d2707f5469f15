import type { Offset } from '@millrace/foundation';
import type { SnapshotId } from '@millrace/storage';
import type { MetadataBatch, MetadataStore } from './metadata-store.js';
import type { SnapshotContent } from './snapshot-content.js';

/** The state machine of the log: told of committed batches in order, and of snapshots that stand for all that came before them. */
export interface MetadataListener {
  /** Forget what was, begin with this. */
  loadSnapshot(content: SnapshotContent, id: SnapshotId): Promise<void>;
  /** A batch of the quorum's own has no records. The next one comes when this has resolved. */
  commit(batch: MetadataBatch): Promise<void>;
}

/**
 * From the log to the state machine, up to the high watermark. What this node has appended itself is taken from memory, what it fetched or finds at its start is read.
 */
export class CommittedLog {
  private readonly own: MetadataBatch[] = [];
  private applied: Offset;
  private target: Offset = -1;
  /** How far the last run wanted to come. */
  private lastTarget: Offset = -1;
  private work: Promise<void> = Promise.resolve();
  private isWorking = false;
  private isStopped = false;

  /** `onFailure`: the log cannot be read, or the state machine cannot take a record. Nothing is applied any more. */
  constructor(
    private readonly store: MetadataStore,
    private readonly listener: MetadataListener,
    private readonly onFailure: (error: unknown) => void,
  ) {
    this.applied = store.firstOffset;
  }

  /** Everything before it has been applied. */
  get appliedOffset(): Offset {
    return this.applied;
  }

  /** This node appended it as leader. */
  appended(batch: MetadataBatch): void {
    this.own.push(batch);
  }

  /** Not committed, and never will be. */
  truncated(to: Offset): void {
    while ((this.own.at(-1)?.nextOffset ?? 0) > to) this.own.pop();
  }

  advance(highWatermark: Offset): void {
    this.target = Math.max(this.target, highWatermark);
    if (!this.isWorking) void this.enqueue(() => this.applyAll());
  }

  /** After everything that is committed so far. */
  loadSnapshot(content: SnapshotContent, id: SnapshotId): Promise<void> {
    return this.enqueue(async () => {
      this.own.length = 0;
      await this.listener.loadSnapshot(content, id);
      this.applied = id.endOffset;
    });
  }

  /** Resolves when everything that was committed so far has been applied. */
  async settled(): Promise<void> {
    await this.work;
  }

  stop(): void {
    this.isStopped = true;
  }

  private enqueue(task: () => Promise<void>): Promise<void> {
    this.isWorking = true;
    const work = this.work.then(async () => {
      if (this.isStopped) return;
      try {
        await task();
      } catch (error) {
        this.isStopped = true;
        this.onFailure(error);
      }
    });
    this.work = work;
    void work.then(() => {
      if (this.work === work) this.isWorking = false;
      if (!this.isWorking && this.lastTarget < this.target && !this.isStopped) this.advance(this.target);
    });
    return work;
  }

  private async applyAll(): Promise<void> {
    this.lastTarget = this.target;
    while (this.applied < this.target && !this.isStopped) {
      const first = this.own[0];
      if (first !== undefined && first.baseOffset <= this.applied) {
        if (first.nextOffset > this.target) return;
        this.own.shift();
        if (first.baseOffset === this.applied) await this.apply(first);
        continue;
      }
      const to = first === undefined ? this.target : Math.min(this.target, first.baseOffset);
      for await (const batch of this.store.read(this.applied, to)) await this.apply(batch);
      this.lastTarget = this.target;
    }
  }

  private async apply(batch: MetadataBatch): Promise<void> {
    if (this.isStopped) return;
    await this.listener.commit(batch);
    this.applied = batch.nextOffset;
  }
}
