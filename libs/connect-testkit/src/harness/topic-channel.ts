import type { FollowedRecord, FollowTopicOptions, TopicFollower } from '@millrace/connect-api';

/** Topics in memory that a task under test may follow (`SourceTaskContext.followTopic`). Positions are kept by group, as a broker keeps them. */
export class TopicChannel {
  private readonly logs = new Map<string, FollowedRecord[]>();
  private readonly positions = new Map<string, number>();
  private readonly followers = new Set<() => void>();

  /** Appends a record to partition 0 of the topic; followers get it soon after. */
  send(topic: string, key: Uint8Array | null, value: Uint8Array | null, timestampMs = Date.now()): void {
    const log = this.log(topic);
    log.push({ partition: 0, offset: log.length, key, value, timestampMs });
    for (const wake of this.followers) wake();
  }

  /** The group's stored position in the topic: the offset of the next record. */
  position(groupId: string, topic: string): number | undefined {
    return this.positions.get(`${groupId}\n${topic}`);
  }

  /** Records one at a time; the group's position moves behind each that `onRecord` has settled. `onFailure` hears of a rejection. */
  follow(options: FollowTopicOptions, onFailure: (error: unknown) => void): TopicFollower {
    const { topic, groupId } = options;
    const name = `${groupId}\n${topic}`;
    let next = this.positions.get(name) ?? (options.startAt === 'earliest' ? 0 : this.log(topic).length);
    let running: Promise<void> | undefined;
    let isStopped = false;
    const drain = async (): Promise<void> => {
      for (let record = this.log(topic)[next]; record && !isStopped; record = this.log(topic)[next]) {
        await options.onRecord(record);
        next += 1;
        this.positions.set(name, next);
      }
    };
    const wake = (): void => {
      if (isStopped || running) return;
      running = drain()
        .catch((error: unknown) => {
          isStopped = true;
          onFailure(error);
        })
        .finally(() => {
          running = undefined;
          if (!isStopped && next < this.log(topic).length) wake();
        });
    };
    this.followers.add(wake);
    wake();
    return {
      stop: async () => {
        isStopped = true;
        this.followers.delete(wake);
        await running;
      },
    };
  }

  private log(topic: string): FollowedRecord[] {
    let log = this.logs.get(topic);
    if (!log) this.logs.set(topic, (log = []));
    return log;
  }
}
