import type { Clock, Logger, Scheduler } from '@millrace/foundation';
import type { BrokerConfigLayers, MetadataImage } from '@millrace/metadata';
import type { BrokerConfig } from '../config/broker-config.js';
import type { ControllerChannel } from '../controller/controller-channel.js';
import type { GroupCoordinators } from '../groups/group-coordinators.js';
import type { LongPoll } from '../replicas/delayed-fetch.js';
import type { ReplicaManager } from '../replicas/replica-manager.js';
import type { ProducerIds } from './producer-ids.js';
import type { TopicCreation } from './topic-creation.js';

/** A broker as clients of one listener see it. */
export interface VisibleBroker {
  readonly brokerId: number;
  readonly host: string;
  readonly port: number;
  readonly rack: string | null;
  readonly isFenced: boolean;
}

/** What handlers work with. */
export interface BrokerServices {
  readonly brokerId: number;
  readonly clusterId: string;
  readonly config: BrokerConfig;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
  /** The cluster as the metadata log has it; it changes in place. */
  readonly image: MetadataImage;
  /** Whether voters stand in the log (the feature `kraft.version`). */
  readonly kRaftVersion: () => number;
  readonly controller: ControllerChannel;
  readonly topics: TopicCreation;
  readonly producerIds: ProducerIds;
  readonly replicas: ReplicaManager;
  readonly groups: GroupCoordinators;
  /** Fetches that wait for data; finished early when the broker stops. */
  readonly longPolls: Set<LongPoll>;
  readonly isStopping: () => boolean;
  /** Brokers that have this listener; fenced ones only when asked for. */
  readonly brokersFor: (listenerName: string, options?: { readonly includeFenced: boolean }) => VisibleBroker[];
  /** Resolves when this broker has followed so much of the metadata that it is so, and with false when that takes longer. */
  readonly followed: (isSo: (image: MetadataImage) => boolean, timeoutMs: number) => Promise<boolean>;
  readonly configLayers: () => BrokerConfigLayers;
}
