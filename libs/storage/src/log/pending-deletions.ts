import type { Clock } from '@millrace/foundation';
import type { FileSystem } from '../fs/file-system.js';
import type { Segment } from '../segment/segment.js';

interface Deletion {
  readonly paths: readonly string[];
  /** Stays open for those who read it. */
  readonly segment: Segment | undefined;
  readonly dueMs: number;
}

/** Files of one log that have the suffix `.deleted` and wait for `file.delete.delay.ms`. */
export class PendingDeletions {
  private waiting: Deletion[] = [];

  constructor(private readonly fileSystem: FileSystem, private readonly clock: Clock) {}

  add(paths: readonly string[], delayMs: number, segment?: Segment): void {
    this.waiting.push({ paths, segment, dueMs: this.clock.monotonicMs() + delayMs });
  }

  /** Removes what is due. Returns how many files. */
  removeDue(): number {
    const nowMs = this.clock.monotonicMs();
    let count = 0;
    while (this.waiting.length > 0 && this.waiting[0]!.dueMs <= nowMs) {
      const [{ paths, segment }] = this.waiting as [Deletion];
      segment?.close();
      for (const path of paths) this.fileSystem.remove(path);
      count += paths.length;
      this.waiting.shift();
    }
    return count;
  }

  release(): void {
    for (const { segment } of this.waiting) segment?.close();
  }
}
