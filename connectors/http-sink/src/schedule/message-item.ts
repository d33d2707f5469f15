import type { Lane } from './lane.js';
import type { PartitionProgress } from './partition-progress.js';

/** What a record is in a message, as the scheduler sees it; `payload` is what the driver sends of it. */
export class MessageItem<T> {
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
      /** Items of one group may share a message. */
      readonly groupKey: string;
      /** Whose limits apply. */
      readonly hostKey: string;
      readonly bytes: number;
    },
  ) {}
}
