import { invariant, type BrokerId, type Offset, type ProducerId, type Uuid } from '@millrace/foundation';
import type { BrokerRegistrationChangeRecord, ConfigRecord, MetadataRecord, PartitionChangeRecord, PartitionRecord, RegisterBrokerRecord, RegisterControllerRecord } from '@millrace/protocol';
import { configResourceKey, configResourceTypeOf, type ConfigResourceType } from '../config/config-resource.js';
import type { BrokerRegistration } from './broker-registration.js';
import type { ControllerRegistration } from './controller-registration.js';
import type { ImageObserver } from './image-observer.js';
import { changed, registrationOf, withoutEligibleReplicas, type PartitionRegistration, type TopicImage } from './topic-image.js';

const NO_CONFIGS: ReadonlyMap<string, string> = new Map();

/**
 * What the cluster is, after the records that were replayed: topics, brokers, settings, features. Recovery is replay, so every node that replayed the same
 * records has the same image (Invariant 1). The maps change in place with each replay, the values in them never: hold on to a value, not to a map.
 */
export class MetadataImage {
  /** The offset of the last replayed record; -1 before the first. */
  lastOffset: Offset = -1;
  private readonly byName = new Map<string, TopicImage>();
  private readonly byId = new Map<Uuid, TopicImage>();
  private readonly brokerById = new Map<BrokerId, BrokerRegistration>();
  private readonly controllerById = new Map<BrokerId, ControllerRegistration>();
  private readonly configsByResource = new Map<string, { readonly type: ConfigResourceType; readonly name: string; readonly values: Map<string, string> }>();
  /** Topics that were made by the run of records that is being replayed, and that nobody has seen. */
  private unshared: Set<TopicImage> | undefined;
  private readonly features = new Map<string, number>();
  /** The first producer id that no block has given out. */
  nextProducerId: ProducerId = 0;

  get topics(): ReadonlyMap<string, TopicImage> {
    return this.byName;
  }

  get brokers(): ReadonlyMap<BrokerId, BrokerRegistration> {
    return this.brokerById;
  }

  /** The nodes of the metadata quorum that have registered. */
  get controllers(): ReadonlyMap<BrokerId, ControllerRegistration> {
    return this.controllerById;
  }

  get featureLevels(): ReadonlyMap<string, number> {
    return this.features;
  }

  get configResources(): Iterable<{ readonly type: ConfigResourceType; readonly name: string; readonly values: ReadonlyMap<string, string> }> {
    return this.configsByResource.values();
  }

  topic(name: string): TopicImage | undefined {
    return this.byName.get(name);
  }

  topicById(topicId: Uuid): TopicImage | undefined {
    return this.byId.get(topicId);
  }

  partition(topic: string, partition: number): PartitionRegistration | undefined {
    return this.byName.get(topic)?.partitions[partition];
  }

  broker(brokerId: BrokerId): BrokerRegistration | undefined {
    return this.brokerById.get(brokerId);
  }

  /** The settings given to a resource itself; a broker name of '' is the default of all brokers. */
  configs(type: ConfigResourceType, name: string): ReadonlyMap<string, string> {
    return this.configsByResource.get(configResourceKey(type, name))?.values ?? NO_CONFIGS;
  }

  /** Applies one record of the log, in order; `observer` is told what changed. Records of features that this version does not have are left alone. */
  replay(entry: MetadataRecord, observer?: Partial<ImageObserver>): void {
    switch (entry.type) {
      case 'TopicRecord': {
        const topic: TopicImage = { name: entry.record.name, topicId: entry.record.topicId, partitions: [] };
        invariant(!this.byName.has(topic.name), `topic ${topic.name} is there already`);
        this.putTopic(topic);
        observer?.topicCreated?.(topic);
        return;
      }
      case 'PartitionRecord':
        this.replayPartition(entry.record, observer);
        return;
      case 'PartitionChangeRecord':
        this.replayPartitionChange(entry.record, observer);
        return;
      case 'RemoveTopicRecord': {
        const topic = this.mustHaveTopic(entry.record.topicId);
        this.byName.delete(topic.name);
        this.byId.delete(topic.topicId);
        this.configsByResource.delete(configResourceKey('TOPIC', topic.name));
        observer?.topicDeleted?.(topic);
        return;
      }
      case 'ConfigRecord':
        this.replayConfig(entry.record, observer);
        return;
      case 'RegisterBrokerRecord':
        this.replayRegistration(entry.record, observer);
        return;
      case 'UnregisterBrokerRecord':
        this.brokerById.delete(entry.record.brokerId);
        observer?.brokerChanged?.(entry.record.brokerId);
        return;
      case 'BrokerRegistrationChangeRecord':
        this.replayRegistrationChange(entry.record, observer);
        return;
      case 'FenceBrokerRecord':
      case 'UnfenceBrokerRecord':
        this.changeBroker(entry.record.id, entry.record.epoch, { isFenced: entry.type === 'FenceBrokerRecord' }, observer);
        return;
      case 'RegisterControllerRecord':
        this.replayController(entry.record);
        observer?.controllerChanged?.(entry.record.controllerId);
        return;
      case 'ClearElrRecord':
        this.clearEligibleReplicas(entry.record.topicName, observer);
        return;
      case 'FeatureLevelRecord':
        if (entry.record.featureLevel === 0) this.features.delete(entry.record.name);
        else this.features.set(entry.record.name, entry.record.featureLevel);
        observer?.featureChanged?.(entry.record.name);
        return;
      case 'ProducerIdsRecord':
        this.nextProducerId = entry.record.nextProducerId;
        return;
      default:
    }
  }

  /** Becomes what `other` is: a node took over a snapshot. `MetadataDelta.between`, asked before, says what that changes. */
  replaceBy(other: MetadataImage): void {
    replaceEntries(this.byName, other.byName);
    replaceEntries(this.byId, other.byId);
    replaceEntries(this.brokerById, other.brokerById);
    replaceEntries(this.controllerById, other.controllerById);
    replaceEntries(this.configsByResource, other.configsByResource);
    replaceEntries(this.features, other.features);
    this.nextProducerId = other.nextProducerId;
    this.lastOffset = other.lastOffset;
  }

  /** As `replay` for each: a run of records for one topic costs what it changes, not a copy of the topic for each. Nobody may look at the image in between. */
  replayAll(records: Iterable<MetadataRecord>, observer?: Partial<ImageObserver>): void {
    this.unshared = new Set();
    try {
      for (const record of records) this.replay(record, observer);
    } finally {
      this.unshared = undefined;
    }
  }

  private putTopic(topic: TopicImage): void {
    this.byName.set(topic.name, topic);
    this.byId.set(topic.topicId, topic);
  }

  private mustHaveTopic(topicId: Uuid): TopicImage {
    const topic = this.byId.get(topicId);
    invariant(topic !== undefined, `no topic with the id ${topicId}`);
    return topic;
  }

  private replayPartition(record: PartitionRecord, observer: Partial<ImageObserver> | undefined): void {
    const topic = this.mustHaveTopic(record.topicId);
    invariant(record.partitionId <= topic.partitions.length, `partition ${record.partitionId} of ${topic.name} leaves a gap`);
    this.putPartition(topic, registrationOf(record), observer);
  }

  private replayPartitionChange(record: PartitionChangeRecord, observer: Partial<ImageObserver> | undefined): void {
    const topic = this.mustHaveTopic(record.topicId);
    const before = topic.partitions[record.partitionId];
    invariant(before !== undefined, `no partition ${record.partitionId} of ${topic.name}`);
    this.putPartition(topic, changed(before, record), observer);
  }

  private putPartition(topic: TopicImage, after: PartitionRegistration, observer: Partial<ImageObserver> | undefined): void {
    const before = topic.partitions[after.partitionId];
    const own = this.unshared?.has(topic) === true ? topic.partitions : undefined;
    if (own !== undefined) (own as PartitionRegistration[])[after.partitionId] = after;
    else {
      const partitions = topic.partitions.slice();
      partitions[after.partitionId] = after;
      const next = { ...topic, partitions };
      this.putTopic(next);
      this.unshared?.add(next);
    }
    observer?.partitionChanged?.(topic.topicId, before, after);
  }

  /** An empty name: of all topics. */
  private clearEligibleReplicas(topicName: string, observer: Partial<ImageObserver> | undefined): void {
    const named = topicName === '' ? [...this.byName.values()] : [this.byName.get(topicName)];
    for (const topic of named) {
      invariant(topic !== undefined, `no topic ${topicName}`);
      for (const before of topic.partitions) {
        const after = withoutEligibleReplicas(before);
        if (after !== null) this.putPartition(this.mustHaveTopic(topic.topicId), after, observer);
      }
    }
  }

  private replayController(record: RegisterControllerRecord): void {
    const { controllerId, incarnationId, endPoints, features } = record;
    this.controllerById.set(controllerId, { controllerId, incarnationId, endpoints: endPoints, features });
  }

  private replayConfig(record: ConfigRecord, observer: Partial<ImageObserver> | undefined): void {
    const type = configResourceTypeOf(record.resourceType);
    if (type === undefined) return;
    const key = configResourceKey(type, record.resourceName);
    let resource = this.configsByResource.get(key);
    if (resource === undefined) this.configsByResource.set(key, (resource = { type, name: record.resourceName, values: new Map() }));
    if (record.value === null) resource.values.delete(record.name);
    else resource.values.set(record.name, record.value);
    if (resource.values.size === 0) this.configsByResource.delete(key);
    observer?.configChanged?.(type, record.resourceName);
  }

  private replayRegistration(record: RegisterBrokerRecord, observer: Partial<ImageObserver> | undefined): void {
    this.brokerById.set(record.brokerId, {
      brokerId: record.brokerId,
      epoch: record.brokerEpoch,
      incarnationId: record.incarnationId,
      endpoints: record.endPoints,
      features: record.features,
      rack: record.rack,
      isFenced: record.fenced,
      isShuttingDown: record.inControlledShutdown,
      logDirs: record.logDirs,
      cordonedLogDirs: record.cordonedLogDirs,
    });
    observer?.brokerChanged?.(record.brokerId);
  }

  private replayRegistrationChange(record: BrokerRegistrationChangeRecord, observer: Partial<ImageObserver> | undefined): void {
    this.changeBroker(
      record.brokerId,
      record.brokerEpoch,
      {
        ...(record.fenced === 0 ? {} : { isFenced: record.fenced === 1 }),
        ...(record.inControlledShutdown === 1 ? { isShuttingDown: true } : {}),
        ...(record.logDirs.length > 0 ? { logDirs: record.logDirs } : {}),
        ...(record.cordonedLogDirs === null ? {} : { cordonedLogDirs: record.cordonedLogDirs }),
      },
      observer,
    );
  }

  private changeBroker(brokerId: BrokerId, epoch: number, change: Partial<BrokerRegistration>, observer: Partial<ImageObserver> | undefined): void {
    const broker = this.brokerById.get(brokerId);
    invariant(broker !== undefined && broker.epoch === epoch, `no broker ${brokerId} of epoch ${epoch}`);
    this.brokerById.set(brokerId, { ...broker, ...change });
    observer?.brokerChanged?.(brokerId);
  }
}

function replaceEntries<K, V>(map: Map<K, V>, by: ReadonlyMap<K, V>): void {
  map.clear();
  for (const [key, value] of by) map.set(key, value);
}
