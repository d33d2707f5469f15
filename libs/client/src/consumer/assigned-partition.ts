import type { Offset } from '@millrace/foundation';
import type { PartitionRecords } from './partition-records.js';

/** What a consumer knows of a partition that it reads. */
export class AssignedPartition {
  /** The next record for the application; -1 until it is known. */
  position: Offset = -1;
  /** Where the next fetch begins: behind what is buffered. */
  fetchOffset: Offset = -1;
  /** Where to look the position up; undefined: the group's commit, else the reset policy. */
  resetTo: 'earliest' | 'latest' | undefined;
  isPaused = false;
  isFetching = false;
  isLocating = false;
  readonly buffered: PartitionRecords[] = [];
  bufferedBytes = 0;
  highWatermark: Offset = -1;
  logStartOffset: Offset = -1;
  lastStableOffset: Offset = -1;
  /** No fetch before this: the pause after a failure. */
  notBeforeMs = 0;
  /** Given to the application by its next poll, which clears it; until then nothing is fetched. */
  error: Error | undefined;
  /** Changes with each seek: answers to older fetches are dropped. */
  epoch = 0;

  constructor(
    readonly topic: string,
    readonly partition: number,
  ) {}

  seek(offset: Offset): void {
    this.drop();
    this.position = this.fetchOffset = offset;
    this.resetTo = undefined;
  }

  /** Looks its position up again. */
  reset(to: 'earliest' | 'latest' | undefined): void {
    this.drop();
    this.position = this.fetchOffset = -1;
    this.resetTo = to;
  }

  private drop(): void {
    this.epoch += 1;
    this.isLocating = false;
    this.buffered.length = 0;
    this.bufferedBytes = 0;
    this.error = undefined;
    this.notBeforeMs = 0;
  }
}
