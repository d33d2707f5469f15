import type { Lane } from './lane.js';
import type { PartitionProgress } from './partition-progress.js';

/** One record's delivery, as the scheduler sees it; `payload` is what the driver sends. */
export class WorkItem<T> {
  /** Delivered, or reported as undeliverable: its offset may be committed. */
  isDone = false;
  /** Its partition was taken away: nobody waits for it any more. */
  isDropped = false;
  /** Order of arrival. */
  sequence = 0;
  lane: Lane<T> | undefined;

  constructor(
    readonly payload: T,
    readonly place: {
      readonly progress: PartitionProgress<T>;
      readonly offset: number;
      /** Items of one lane are never in flight together. Null: not ordered at all. */
      readonly laneKey: string | null;
      /** Items of one group may share a request. */
      readonly groupKey: string;
      /** Whose limits apply. */
      readonly hostKey: string;
      readonly bytes: number;
    },
  ) {}
}
