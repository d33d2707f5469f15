import type { BrokerId, Uuid } from '@millrace/foundation';
import { effectiveTopicConfig } from '../config/effective-config.js';
import { topicConfigKey } from '../config/topic-configs.js';
import { ELIGIBLE_LEADER_REPLICAS_FEATURE } from '../features.js';
import { hasOnlineDirectory, isActive } from '../image/broker-registration.js';
import { UNASSIGNED_DIRECTORY } from '../image/directory-id.js';
import { directoryOf, type PartitionRegistration, type TopicImage } from '../image/topic-image.js';
import { brokerLayers } from './broker-layers.js';
import type { ControllerView } from './controller-result.js';
import type { PartitionRules } from './partition-change.js';

/** What an operation is about to make of brokers, while the image still says otherwise. */
export interface BrokersToBe {
  /** About to be fenced or to stop: may not lead. */
  readonly without?: BrokerId;
  /** About to be unfenced: may lead. */
  readonly with?: BrokerId;
  /** Directories that are about to be told offline. */
  readonly offline?: ReadonlySet<Uuid>;
}

export interface TopicSettings {
  /** min.insync.replicas, or the replication factor if that is less. */
  readonly minInSyncReplicas: number;
  /** The topic would rather lose records than stay without a leader. */
  readonly allowsUncleanElection: boolean;
}

/** The settings and rules of one operation; it looks each topic's settings up once. */
export class TopicRules {
  private readonly settingsByTopic = new Map<Uuid, TopicSettings>();
  private readonly hasEligibleReplicas: boolean;

  constructor(
    private readonly view: ControllerView,
    private readonly brokers: BrokersToBe = {},
  ) {
    this.hasEligibleReplicas = hasEligibleReplicas(view);
  }

  settings(topic: TopicImage): TopicSettings {
    const known = this.settingsByTopic.get(topic.topicId);
    if (known !== undefined) return known;
    const overrides = this.view.image.configs('TOPIC', topic.name);
    const layers = brokerLayers(this.view, -1);
    const value = (name: string): string | null => {
      const key = topicConfigKey(name);
      return key === undefined ? null : effectiveTopicConfig(key, overrides, layers).value;
    };
    const replicationFactor = topic.partitions[0]?.replicas.length ?? 1;
    const settings = { minInSyncReplicas: Math.min(Number(value('min.insync.replicas') ?? 1), replicationFactor), allowsUncleanElection: value('unclean.leader.election.enable') === 'true' };
    this.settingsByTopic.set(topic.topicId, settings);
    return settings;
  }

  of(topic: TopicImage, partition: PartitionRegistration): PartitionRules {
    return {
      isFit: (id) => this.isFit(id, directoryOf(partition, id)),
      minInSyncReplicas: this.settings(topic).minInSyncReplicas,
      hasEligibleReplicas: this.hasEligibleReplicas,
      directoryFor: (id) => directoryFor(this.view, id),
    };
  }

  private isFit(id: BrokerId, directory: Uuid): boolean {
    if (id === this.brokers.without || this.brokers.offline?.has(directory) === true) return false;
    const broker = this.view.image.broker(id);
    return (id === this.brokers.with || isActive(broker)) && hasOnlineDirectory(broker, directory);
  }
}

export function hasEligibleReplicas(view: ControllerView): boolean {
  return (view.image.featureLevels.get(ELIGIBLE_LEADER_REPLICAS_FEATURE) ?? 0) > 0;
}

/** A broker with one directory leaves no choice; with several it chooses itself. */
export function directoryFor(view: ControllerView, brokerId: BrokerId): Uuid {
  const logDirs = view.image.broker(brokerId)?.logDirs ?? [];
  return logDirs.length === 1 ? (logDirs[0] ?? UNASSIGNED_DIRECTORY) : UNASSIGNED_DIRECTORY;
}
