import { invariant, type BrokerId, type Offset, type Uuid } from '@millrace/foundation';
import type {
  AllocateProducerIdsRequest,
  AllocateProducerIdsResponseInput,
  AlterConfigsRequest,
  AlterConfigsResponseInput,
  AlterPartitionReassignmentsRequest,
  AlterPartitionReassignmentsResponseInput,
  AlterPartitionRequest,
  AlterPartitionResponseInput,
  AssignReplicasToDirsRequest,
  AssignReplicasToDirsResponseInput,
  BrokerHeartbeatRequest,
  BrokerHeartbeatResponseInput,
  BrokerRegistrationRequest,
  BrokerRegistrationResponseInput,
  ControllerRegistrationRequest,
  ControllerRegistrationResponseInput,
  CreatePartitionsRequest,
  CreatePartitionsResponseInput,
  CreateTopicsRequest,
  CreateTopicsResponseInput,
  DeleteTopicsRequest,
  DeleteTopicsResponseInput,
  ElectLeadersRequest,
  ElectLeadersResponseInput,
  IncrementalAlterConfigsRequest,
  IncrementalAlterConfigsResponseInput,
  ListPartitionReassignmentsRequest,
  ListPartitionReassignmentsResponseInput,
  MetadataRecord,
  UnregisterBrokerResponseInput,
  UpdateFeaturesRequest,
  UpdateFeaturesResponseInput,
} from '@millrace/protocol';
import { bootstrapRecords } from '../bootstrap.js';
import type { ImageObserver } from '../image/image-observer.js';
import { MetadataImage } from '../image/metadata-image.js';
import type { PartitionRegistration, TopicImage } from '../image/topic-image.js';
import { alterPartition } from './alter-partition.js';
import { alterPartitionReassignments, listPartitionReassignments } from './alter-reassignments.js';
import { assignReplicasToDirectories } from './assign-directories.js';
import { BrokerContacts } from './broker-contacts.js';
import { beginSessions, brokerHeartbeat, type FormerController, nextSessionEndMs } from './broker-heartbeat.js';
import { alterConfigs, incrementalAlterConfigs, type ConfigsAskedBy } from './configs.js';
import type { ControllerConfig } from './controller-config.js';
import type { ControllerMoment, ControllerResult, ControllerView } from './controller-result.js';
import { electLeaders } from './elect-leaders.js';
import { PartitionIndex } from './partition-index.js';
import { PeriodicChecks } from './periodic-checks.js';
import { allocateProducerIds } from './producer-ids.js';
import { registerBroker, unregisterBroker } from './register-broker.js';
import { registerController } from './register-controller.js';
import { TopicNames } from './topic-names.js';
import { createPartitions, createTopics, deleteTopics } from './topics.js';
import { updateFeatures } from './update-features.js';

const AT_CONTROLLER: ConfigsAskedBy = { isForwarded: false };

/**
 * The one that decides about brokers, topics, leaders and settings. An operation reads the image and returns records and a response; it changes nothing
 * (Invariant 1). The driver appends the records in the batches of `batchesOf`, calls `replay` for each, and answers when they are committed; when the append is
 * refused it answers NOT_CONTROLLER. One operation at a time: no other between its return and the replay of its records.
 *
 * Each node of the quorum has one, kept up to date with committed records while another node is active. One that was active and is not any more may have replayed
 * records that were never committed: `load` the records of a committed image then.
 */
export class Controller {
  private state = new ControllerState();
  private readonly contacts = new BrokerContacts();
  private readonly view: ControllerView;
  private readonly checks: PeriodicChecks;

  constructor(private readonly config: ControllerConfig) {
    // Another one after `load`.
    const state = (): ControllerState => this.state;
    this.view = {
      config,
      get image() {
        return state().image;
      },
      get partitions() {
        return state().partitions;
      },
      get topicNames() {
        return state().topicNames;
      },
    };
    this.checks = new PeriodicChecks(this.view, this.contacts);
  }

  /** The state up to the last appended record; brokers follow an image of their own, of committed records only. Another one after each `load`. */
  get image(): MetadataImage {
    return this.state.image;
  }

  /** One record of the log in its order, while loading and after each append. Control records need not be told. */
  replay(record: MetadataRecord, offset: Offset): void {
    this.replayBatch([record], offset);
  }

  /** As `replay` for the records of one batch: for many partitions of a topic it is far less work. */
  replayBatch(records: readonly MetadataRecord[], baseOffset: Offset): void {
    if (records.length === 0) return;
    const { image } = this.state;
    invariant(baseOffset > image.lastOffset, `record ${baseOffset} after ${image.lastOffset}`);
    this.replayInto(records, (i) => baseOffset + i);
    image.lastOffset = baseOffset + records.length - 1;
  }

  /** Begins anew from a snapshot (or from `imageRecords` of a committed image) that holds everything up to `lastContainedOffset`. */
  load(records: Iterable<MetadataRecord>, lastContainedOffset: Offset): void {
    this.state = new ControllerState();
    this.contacts.clear();
    this.replayInto([...records], () => lastContainedOffset);
    this.state.image.lastOffset = lastContainedOffset;
  }

  private replayInto(records: readonly MetadataRecord[], offsetOf: (index: number) => Offset): void {
    this.state.image.replayAll(records, this.state);
    records.forEach((entry, i) => {
      if (entry.type === 'RegisterBrokerRecord') this.contacts.registered(entry.record.brokerId, offsetOf(i));
      if (entry.type === 'ConfigRecord' && entry.record.name === 'unclean.leader.election.enable') this.checks.uncleanElectionsAsked();
    });
  }

  /** This node became the active controller: each broker has a whole session to be heard of, `former` from when it was heard of last. What it must write first; nothing for a log that has records already. */
  activate(nowMs: number, former?: FormerController): readonly MetadataRecord[] {
    beginSessions(this.view, this.contacts, nowMs, former);
    this.checks.begin(nowMs);
    return this.image.featureLevels.size === 0 ? bootstrapRecords(this.config.staticBrokerConfigs.get('min.insync.replicas') ?? '1', this.config.bootstrapLevels) : [];
  }

  /** `nextOffset`: the offset that the first record of this result will get; it becomes the broker's epoch. */
  registerBroker(moment: ControllerMoment, request: BrokerRegistrationRequest, nextOffset: Offset): ControllerResult<BrokerRegistrationResponseInput> {
    return registerBroker(this.view, this.contacts, moment, request, nextOffset);
  }

  /** `nextOffset`: as for `registerBroker`; a broker that stops waits until all others have read where its leaders went. */
  brokerHeartbeat(moment: ControllerMoment, request: BrokerHeartbeatRequest, nextOffset: Offset = this.image.lastOffset + 1): ControllerResult<BrokerHeartbeatResponseInput> {
    return brokerHeartbeat(this.view, this.contacts, moment, request, nextOffset);
  }

  unregisterBroker(brokerId: BrokerId): ControllerResult<UnregisterBrokerResponseInput> {
    return unregisterBroker(this.view, this.contacts, brokerId);
  }

  registerController(request: ControllerRegistrationRequest): ControllerResult<ControllerRegistrationResponseInput> {
    return registerController(request);
  }

  /**
   * Time went by. A broker whose session ended is fenced; leadership goes back to preferred replicas, and where topics allow it to any, as often as Kafka does
   * it. Call about every half second and at `nextSessionEndMs`, and again while it returns records; they are not one unit (`batchesOf`).
   */
  tick(nowMs: number): readonly MetadataRecord[] {
    return this.checks.next(nowMs);
  }

  /** When the next broker is to be fenced if none is heard of until then; infinity where there is none. */
  get nextSessionEndMs(): number {
    return nextSessionEndMs(this.view, this.contacts);
  }

  createTopics(moment: ControllerMoment, request: CreateTopicsRequest): ControllerResult<CreateTopicsResponseInput> {
    return createTopics(this.view, moment, request);
  }

  deleteTopics(request: DeleteTopicsRequest): ControllerResult<DeleteTopicsResponseInput> {
    return deleteTopics(this.view, request);
  }

  createPartitions(moment: ControllerMoment, request: CreatePartitionsRequest): ControllerResult<CreatePartitionsResponseInput> {
    return createPartitions(this.view, moment, request);
  }

  incrementalAlterConfigs(request: IncrementalAlterConfigsRequest, by: ConfigsAskedBy = AT_CONTROLLER): ControllerResult<IncrementalAlterConfigsResponseInput> {
    return incrementalAlterConfigs(this.view, request, by);
  }

  alterConfigs(request: AlterConfigsRequest, by: ConfigsAskedBy = AT_CONTROLLER): ControllerResult<AlterConfigsResponseInput> {
    return alterConfigs(this.view, request, by);
  }

  alterPartition(request: AlterPartitionRequest): ControllerResult<AlterPartitionResponseInput> {
    return alterPartition(this.view, request);
  }

  assignReplicasToDirectories(request: AssignReplicasToDirsRequest): ControllerResult<AssignReplicasToDirsResponseInput> {
    return assignReplicasToDirectories(this.view, request);
  }

  alterPartitionReassignments(request: AlterPartitionReassignmentsRequest): ControllerResult<AlterPartitionReassignmentsResponseInput> {
    return alterPartitionReassignments(this.view, request);
  }

  listPartitionReassignments(request: ListPartitionReassignmentsRequest): ListPartitionReassignmentsResponseInput {
    return listPartitionReassignments(this.view, request);
  }

  electLeaders(request: ElectLeadersRequest): ControllerResult<ElectLeadersResponseInput> {
    return electLeaders(this.view, request);
  }

  allocateProducerIds(request: AllocateProducerIdsRequest): ControllerResult<AllocateProducerIdsResponseInput> {
    return allocateProducerIds(this.view, request);
  }

  updateFeatures(request: UpdateFeaturesRequest): ControllerResult<UpdateFeaturesResponseInput> {
    return updateFeatures(this.view, request);
  }
}

/** What the log adds up to, and indexes of it that only a controller needs. */
class ControllerState implements Partial<ImageObserver> {
  readonly image = new MetadataImage();
  readonly partitions = new PartitionIndex();
  readonly topicNames = new TopicNames();

  topicCreated(topic: TopicImage): void {
    this.topicNames.add(topic.name);
  }

  topicDeleted(topic: TopicImage): void {
    this.topicNames.delete(topic.name);
    this.partitions.topicDeleted(topic);
  }

  partitionChanged(topicId: Uuid, before: PartitionRegistration | undefined, after: PartitionRegistration): void {
    this.partitions.partitionChanged(topicId, before, after);
  }
}
