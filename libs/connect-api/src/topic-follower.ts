export interface FollowTopicOptions {
  readonly topic: string;
  /** Positions are stored under this consumer group, so a restart goes on behind the last record. */
  readonly groupId: string;
  /** Where a group without a position begins. */
  readonly startAt: 'earliest' | 'latest';
  /** Extra consumer settings by Kafka's names (`bootstrap.servers` for another cluster, `security.protocol`, …). */
  readonly settings?: Readonly<Record<string, string>>;
  onRecord(record: FollowedRecord): Promise<void> | void;
}

export interface FollowedRecord {
  readonly partition: number;
  readonly offset: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly timestampMs: number;
}

export interface TopicFollower {
  /** Resolves when no further `onRecord` will be called. */
  stop(): Promise<void>;
}
