import type { BrokerId, Uuid } from '@millrace/foundation';
import { configResourceKey, type ConfigResourceType } from '../config/config-resource.js';
import type { ImageObserver } from './image-observer.js';
import type { MetadataImage } from './metadata-image.js';
import { samePartition, type PartitionRegistration, type TopicImage } from './topic-image.js';

/** A partition that a broker has something to do for. */
export interface LocalPartition {
  readonly topic: TopicImage;
  readonly partition: PartitionRegistration;
  /** As it was before the run, to see what changed of it (leader, leader epoch, in-sync set, replicas); absent for one that is new. */
  readonly before?: PartitionRegistration;
}

/** What a broker must do to follow the image: stop what it no longer holds before it starts anything. */
export interface LocalChanges {
  /** Topics that are gone, of which this broker had replicas: their logs are deleted. */
  readonly deletedTopics: readonly TopicImage[];
  /** Replicas that moved away from this broker: their logs are deleted. */
  readonly removed: readonly LocalPartition[];
  readonly leading: readonly LocalPartition[];
  /** Also partitions that have no leader now. */
  readonly following: readonly LocalPartition[];
}

/** What a run of replayed records changed, gathered while they are replayed into an image. */
export class MetadataDelta implements ImageObserver {
  private readonly created = new Set<Uuid>();
  private readonly deleted = new Map<Uuid, TopicImage>();
  /** By topic id, then number: the partition as it was; undefined for a new one. */
  private readonly partitions = new Map<Uuid, Map<number, PartitionRegistration | undefined>>();
  private readonly resources = new Map<string, { readonly type: ConfigResourceType; readonly name: string }>();
  private readonly brokers = new Set<BrokerId>();
  private readonly controllers = new Set<BrokerId>();
  private readonly features = new Set<string>();

  /** What lies between two images, when the records between are not at hand: a node took over a snapshot. */
  static between(before: MetadataImage, after: MetadataImage): MetadataDelta {
    const delta = new MetadataDelta();
    for (const topic of before.topics.values()) if (after.topicById(topic.topicId) === undefined) delta.topicDeleted(topic);
    for (const topic of after.topics.values()) {
      const old = before.topicById(topic.topicId);
      if (old === undefined) delta.topicCreated(topic);
      for (const partition of topic.partitions) {
        const was = old?.partitions[partition.partitionId];
        if (was === undefined || !samePartition(was, partition)) delta.partitionChanged(topic.topicId, was, partition);
      }
    }
    for (const { type, name } of [...before.configResources, ...after.configResources]) {
      if (!sameEntries(before.configs(type, name), after.configs(type, name))) delta.configChanged(type, name);
    }
    for (const id of differing(before.brokers, after.brokers)) delta.brokerChanged(id);
    for (const id of differing(before.controllers, after.controllers)) delta.controllerChanged(id);
    for (const name of differing(before.featureLevels, after.featureLevels)) delta.featureChanged(name);
    return delta;
  }

  get createdTopicIds(): ReadonlySet<Uuid> {
    return this.created;
  }

  /** As they were when they were deleted. Not those that were created in the same run. */
  get deletedTopics(): readonly TopicImage[] {
    return [...this.deleted.values()];
  }

  get changedConfigs(): readonly { readonly type: ConfigResourceType; readonly name: string }[] {
    return [...this.resources.values()];
  }

  get changedBrokerIds(): ReadonlySet<BrokerId> {
    return this.brokers;
  }

  get changedControllerIds(): ReadonlySet<BrokerId> {
    return this.controllers;
  }

  get changedFeatures(): ReadonlySet<string> {
    return this.features;
  }

  get isEmpty(): boolean {
    return this.created.size + this.deleted.size + this.partitions.size + this.resources.size + this.brokers.size + this.controllers.size + this.features.size === 0;
  }

  /** Each changed or new partition of a topic that is still there, as it is in `image`. */
  changedPartitions(image: MetadataImage): LocalPartition[] {
    const found: LocalPartition[] = [];
    for (const [topicId, numbers] of this.partitions) {
      const topic = image.topicById(topicId);
      if (topic === undefined) continue;
      for (const [number, before] of numbers) {
        const partition = topic.partitions[number];
        if (partition !== undefined) found.push(before === undefined ? { topic, partition } : { topic, partition, before });
      }
    }
    return found;
  }

  /** The part of the run that concerns one broker. */
  localChanges(image: MetadataImage, brokerId: BrokerId): LocalChanges {
    const deletedTopics = this.deletedTopics.filter((topic) => topic.partitions.some((it) => it.replicas.includes(brokerId)));
    const removed: LocalPartition[] = [];
    const leading: LocalPartition[] = [];
    const following: LocalPartition[] = [];
    for (const it of this.changedPartitions(image)) {
      if (it.partition.leader === brokerId) leading.push(it);
      else if (it.partition.replicas.includes(brokerId)) following.push(it);
      else if (it.before?.replicas.includes(brokerId) === true) removed.push(it);
    }
    return { deletedTopics, removed, leading, following };
  }

  topicCreated(topic: TopicImage): void {
    this.created.add(topic.topicId);
  }

  topicDeleted(topic: TopicImage): void {
    this.partitions.delete(topic.topicId);
    if (!this.created.delete(topic.topicId)) this.deleted.set(topic.topicId, topic);
  }

  partitionChanged(topicId: Uuid, before: PartitionRegistration | undefined, after: PartitionRegistration): void {
    const number = after.partitionId;
    let numbers = this.partitions.get(topicId);
    if (numbers === undefined) this.partitions.set(topicId, (numbers = new Map()));
    if (!numbers.has(number)) numbers.set(number, before);
  }

  configChanged(type: ConfigResourceType, name: string): void {
    this.resources.set(configResourceKey(type, name), { type, name });
  }

  brokerChanged(brokerId: BrokerId): void {
    this.brokers.add(brokerId);
  }

  controllerChanged(controllerId: BrokerId): void {
    this.controllers.add(controllerId);
  }

  featureChanged(name: string): void {
    this.features.add(name);
  }
}

function differing<Key>(before: ReadonlyMap<Key, unknown>, after: ReadonlyMap<Key, unknown>): Key[] {
  return [...new Set([...before.keys(), ...after.keys()])].filter((key) => !sameValue(before.get(key), after.get(key)));
}

function sameEntries(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}

/** Plain values: registrations and levels. */
function sameValue(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
