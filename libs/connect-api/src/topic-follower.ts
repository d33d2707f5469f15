/** Which topic a source task follows, and from where; see `SourceTaskContext.followTopic`. */
export interface FollowTopicOptions {
  /** All its partitions are read. */
  readonly topic: string;
  /** Positions are stored under this consumer group, so a restart goes on behind the last record. */
  readonly groupId: string;
  /** Where a group without a position begins. */
  readonly startAt: 'earliest' | 'latest';
  /** Extra consumer settings by Kafka's names (`bootstrap.servers` for another cluster, `security.protocol`, …). */
  readonly settings?: Readonly<Record<string, string>>;
  /** Called for one record at a time; the next comes when this has settled. A rejection fails the task. */
  onRecord(record: FollowedRecord): Promise<void> | void;
}

/** A record of a followed topic, as bytes. */
export interface FollowedRecord {
  /** From 0. */
  readonly partition: number;
  /** Place in the partition. */
  readonly offset: number;
  /** Null: none. */
  readonly key: Uint8Array | null;
  /** Null: a tombstone. */
  readonly value: Uint8Array | null;
  /** Milliseconds since 1970; -1 where there is none. */
  readonly timestampMs: number;
}

/** A topic that is being followed. */
export interface TopicFollower {
  /** Resolves when no further `onRecord` will be called. */
  stop(): Promise<void>;
}
