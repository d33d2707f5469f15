import type { BrokerId, Uuid } from '@millrace/foundation';
import type { Broker } from '@millrace/log';
import type { MetadataImage } from '@millrace/metadata';
import type { PartitionMachine } from '@millrace/partition';
import type { RaftMachine } from '@millrace/raft';
import type { PartitionLog } from '@millrace/storage';

/** One replica on a broker: its machine and its log. The same object as long as the broker hosts it. */
export interface HostedReplica {
  readonly topic: string;
  readonly topicId: Uuid;
  readonly partition: number;
  readonly machine: PartitionMachine;
  readonly log: PartitionLog;
}

export interface BrokerView {
  readonly partitions: readonly HostedReplica[];
  readonly image: MetadataImage;
}

/** What a living broker holds in memory: the one place that knows how it is made inside. Undefined while it does not serve. */
export function viewOf(broker: Broker): BrokerView | undefined {
  const server = broker['running']?.broker;
  return server === undefined ? undefined : { partitions: [...server['replicas'].all()], image: server.follower.image };
}

/** A node's part in the metadata quorum; undefined while it does not run, and while what it has decided is on its way to its disk. */
export function quorumOf(broker: Broker): RaftMachine | undefined {
  const driver = broker['running']?.quorum.driver;
  return driver === undefined || driver['isBusy'] || driver['isStopped'] ? undefined : driver['machine'];
}

/** A replica's partition, for one who compares brokers: topics of one name that come one after the other are not the same. */
export function keyOf({ topicId, partition }: HostedReplica): string {
  return `${topicId}-${partition}`;
}

/** The same brokers, in whatever order. */
export function isSameSet(a: readonly BrokerId[], b: readonly BrokerId[]): boolean {
  return a.length === b.length && a.every((it) => b.includes(it));
}
