import { invariant, type BrokerId, type Offset } from '@millrace/foundation';
import type {
  AllocateProducerIdsRequest,
  AllocateProducerIdsResponseInput,
  AlterConfigsRequest,
  AlterConfigsResponseInput,
  AlterPartitionRequest,
  AlterPartitionResponseInput,
  BrokerHeartbeatRequest,
  BrokerHeartbeatResponseInput,
  BrokerRegistrationRequest,
  BrokerRegistrationResponseInput,
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
  MetadataRecord,
  UnregisterBrokerResponseInput,
  UpdateFeaturesRequest,
  UpdateFeaturesResponseInput,
} from '@millrace/protocol';
import { bootstrapRecords } from '../bootstrap.js';
import { MetadataImage } from '../image/metadata-image.js';
import { alterPartition } from './alter-partition.js';
import { BrokerContacts } from './broker-contacts.js';
import { brokerHeartbeat, fenceSilentBrokers, registerBroker, unregisterBroker } from './brokers.js';
import { alterConfigs, incrementalAlterConfigs } from './configs.js';
import type { ControllerConfig } from './controller-config.js';
import type { ControllerMoment, ControllerResult, ControllerView } from './controller-result.js';
import { electLeaders } from './elect-leaders.js';
import { allocateProducerIds } from './producer-ids.js';
import { createPartitions, createTopics, deleteTopics } from './topics.js';
import { updateFeatures } from './update-features.js';

/**
 * The one that decides about topics, brokers, leaders and settings. An operation reads the image and returns records and a response; it changes nothing
 * (Invariant 1). The driver appends the records as one batch, calls `replay` for each, and answers when they are committed; when the append is refused it
 * answers NOT_CONTROLLER and forgets them. One operation at a time: no other between its return and the replay of its records.
 */
export class Controller {
  /** The state up to the last appended record; brokers follow an image of their own, of committed records only. */
  readonly image = new MetadataImage();
  private readonly contacts = new BrokerContacts();
  private readonly view: ControllerView;

  constructor(config: ControllerConfig) {
    this.view = { image: this.image, config };
  }

  /** One record of the log in its order, while loading and after each append. Control records need not be told. */
  replay(record: MetadataRecord, offset: Offset): void {
    invariant(offset > this.image.lastOffset, `record ${offset} after ${this.image.lastOffset}`);
    this.image.replay(record);
    this.image.lastOffset = offset;
  }

  /** This node became the active controller: what it must write first. None for a log that has records already. */
  activate(): readonly MetadataRecord[] {
    return this.image.featureLevels.size === 0 ? bootstrapRecords() : [];
  }

  /** `nextOffset`: the offset that the first record of this result will get; it becomes the broker's epoch. */
  registerBroker(moment: ControllerMoment, request: BrokerRegistrationRequest, nextOffset: Offset): ControllerResult<BrokerRegistrationResponseInput> {
    return registerBroker(this.view, this.contacts, moment, request, nextOffset);
  }

  brokerHeartbeat(moment: ControllerMoment, request: BrokerHeartbeatRequest): ControllerResult<BrokerHeartbeatResponseInput> {
    return brokerHeartbeat(this.view, this.contacts, moment, request);
  }

  unregisterBroker(brokerId: BrokerId): ControllerResult<UnregisterBrokerResponseInput> {
    return unregisterBroker(this.view, this.contacts, brokerId);
  }

  /** Time went by: a broker whose session ended is fenced. Call about every half second, and again while it returns records. */
  tick(nowMs: number): readonly MetadataRecord[] {
    return fenceSilentBrokers(this.view, this.contacts, nowMs);
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
