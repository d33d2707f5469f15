import type { BrokerEpoch, BrokerId, Uuid } from '@millrace/foundation';
import { isOnlineDirectory } from './directory-id.js';

export interface BrokerEndpoint {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** As Kafka numbers them: 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL. */
  readonly securityProtocol: number;
}

export interface FeatureRange {
  readonly name: string;
  readonly minSupportedVersion: number;
  readonly maxSupportedVersion: number;
}

/** A broker as the cluster knows it. Never changed in place. */
export interface BrokerRegistration {
  readonly brokerId: BrokerId;
  /** The offset of its registration in the metadata log. */
  readonly epoch: BrokerEpoch;
  /** Made up by each start of the broker's process. */
  readonly incarnationId: Uuid;
  readonly endpoints: readonly BrokerEndpoint[];
  readonly features: readonly FeatureRange[];
  readonly rack: string | null;
  /** Not to be given to clients, and in no in-sync set. */
  readonly isFenced: boolean;
  readonly isShuttingDown: boolean;
  /** The directories that work. */
  readonly logDirs: readonly Uuid[];
  /** Those that get no new replicas. Null: this process of the broker has not said so yet, or the metadata version does not have it. */
  readonly cordonedLogDirs: readonly Uuid[] | null;
}

/** May lead and be in sync. */
export function isActive(broker: BrokerRegistration | undefined): boolean {
  return broker !== undefined && !broker.isFenced && !broker.isShuttingDown;
}

/** Whether new replicas may be placed there. */
export function hasUncordonedDirectory({ logDirs, cordonedLogDirs }: BrokerRegistration): boolean {
  return logDirs.length === 0 || cordonedLogDirs === null || logDirs.some((it) => !cordonedLogDirs.includes(it));
}

/** Whether the broker can read a replica in this directory. */
export function hasOnlineDirectory(broker: BrokerRegistration | undefined, directory: Uuid): boolean {
  return broker !== undefined && isOnlineDirectory(directory, broker.logDirs);
}
