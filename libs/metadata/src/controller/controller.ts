import { invariant, type BrokerId, type Offset } from '@millrace/foundation';
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
import { MetadataImage } from '../image/metadata-image.js';
import { alterPartition } from './alter-partition.js';
import { alterPartitionReassignments, listPartitionReassignments } from './alter-reassignments.js';
import { assignReplicasToDirectories } from './assign-directories.js';
import { BrokerContacts } from './broker-contacts.js';
import { beginSessions, brokerHeartbeat } from './broker-heartbeat.js';
import { alterConfigs, incrementalAlterConfigs } from './configs.js';
import type { ControllerConfig } from './controller-config.js';
import type { ControllerMoment, ControllerResult, ControllerView } from './controller-result.js';
import { electLeaders } from './elect-leaders.js';
import { PartitionIndex } from './partition-index.js';
import { PeriodicChecks } from './periodic-checks.js';
import { allocateProducerIds } from './producer-ids.js';
import { registerBroker, unregisterBroker } from './register-broker.js';
import { registerController } from './register-controller.js';
import { createPartitions, createTopics, deleteTopics } from './topics.js';
import { updateFeatures } from './update-features.js';

/**
 * The one that decides about brokers, topics, leaders and settings. An operation reads the image and returns records and a response; it changes nothing
 * (Invariant 1). The driver appends the records in the batches of `batchesOf`, calls `replay` for each, and answers when they are committed; when the append is
 * refused it answers NOT_CONTROLLER. One operation at a time: no other between its return and the replay of its records.
 *
 * Each node of the quorum has one, kept up to date with committed records while another node is active. One that was active and is not any more may have replayed
 * records that were never committed: `load` the records of a committed image then.
 */
export class Controller {
  private state = newState();
  private readonly contacts = new BrokerContacts();
  private readonly view: ControllerView;
  private readonly checks: PeriodicChecks;

  constructor(private readonly config: ControllerConfig) {
    // The image is another one after `load`.
    const image = (): MetadataImage => this.state.image;
    const partitions = (): PartitionIndex => this.state.partitions;
    this.view = {
      config,
      get image() {
        return image();
      },
      get partitions() {
        return partitions();
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
    const { image, partitions } = this.state;
    invariant(offset > image.lastOffset, `record ${offset} after ${image.lastOffset}`);
    this.replayInto(record, offset, image, partitions);
    image.lastOffset = offset;
  }

  /** Begins anew from a snapshot (or from `imageRecords` of a committed image) that holds everything up to `lastContainedOffset`. */
  load(records: Iterable<MetadataRecord>, lastContainedOffset: Offset): void {
    this.state = newState();
    this.contacts.clear();
    for (const record of records) this.replayInto(record, lastContainedOffset, this.state.image, this.state.partitions);
    this.state.image.lastOffset = lastContainedOffset;
  }

  private replayInto(record: MetadataRecord, offset: Offset, image: MetadataImage, partitions: PartitionIndex): void {
    image.replay(record, partitions);
    if (record.type === 'RegisterBrokerRecord') this.contacts.registered(record.record.brokerId, offset);
    if (record.type === 'ConfigRecord' && record.record.name === 'unclean.leader.election.enable') this.checks.uncleanElectionsAsked();
  }

  /** This node became the active controller: each broker has a whole session to be heard of. What it must write first; nothing for a log that has records already. */
  activate(nowMs: number): readonly MetadataRecord[] {
    beginSessions(this.view, this.contacts, nowMs);
    this.checks.begin(nowMs);
    return this.image.featureLevels.size === 0 ? bootstrapRecords(this.config.staticBrokerConfigs.get('min.insync.replicas') ?? '1') : [];
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
   * it. Call about every half second, and again while it returns records; they are not one unit (`batchesOf`).
   */
  tick(nowMs: number): readonly MetadataRecord[] {
    return this.checks.next(nowMs);
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

  incrementalAlterConfigs(request: IncrementalAlterConfigsRequest): ControllerResult<IncrementalAlterConfigsResponseInput> {
    return incrementalAlterConfigs(this.view, request);
  }

  alterConfigs(request: AlterConfigsRequest): ControllerResult<AlterConfigsResponseInput> {
    return alterConfigs(this.view, request);
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

function newState(): { readonly image: MetadataImage; readonly partitions: PartitionIndex } {
  return { image: new MetadataImage(), partitions: new PartitionIndex() };
}
