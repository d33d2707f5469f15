import type { BrokerId } from '@millrace/foundation';
import {
  ErrorCode,
  type BrokerHeartbeatRequest,
  type BrokerHeartbeatResponseInput,
  type BrokerRegistrationRequest,
  type BrokerRegistrationResponseInput,
  type MetadataRecord,
  type UnregisterBrokerResponseInput,
} from '@millrace/protocol';
import { effectiveTopicConfig } from '../config/effective-config.js';
import { topicConfigKey } from '../config/topic-configs.js';
import type { BrokerRegistration } from '../image/broker-registration.js';
import type { BrokerContacts } from './broker-contacts.js';
import { brokerLayers } from './configs.js';
import { attempt, refuse, type ControllerMoment, type ControllerResult, type ControllerView } from './controller-result.js';
import { leadWhatWaits, leaveEverything } from './partition-change.js';

/** Kafka's Java broker can read records of these versions since 3.7; a broker's log directories are in them. */
const REGISTER_VERSION = 3;
const REGISTRATION_CHANGE_VERSION = 2;

/** Whether a topic would rather lose records than stay without a leader. */
export function uncleanElectionRule(view: ControllerView): (topic: string) => boolean {
  const key = topicConfigKey('unclean.leader.election.enable');
  const layers = brokerLayers(view, -1);
  return (topic) => key !== undefined && effectiveTopicConfig(key, view.image.configs('TOPIC', topic), layers).value === 'true';
}

/** `nextOffset`: where the first record will stand in the metadata log; it becomes the broker's epoch. */
export function registerBroker(
  view: ControllerView,
  contacts: BrokerContacts,
  moment: ControllerMoment,
  request: BrokerRegistrationRequest,
  nextOffset: number,
): ControllerResult<BrokerRegistrationResponseInput> {
  const result = attempt(() => {
    checkRegistration(view, contacts, moment, request);
    const known = view.image.broker(request.brokerId);
    // The same process asks again: it missed the answer.
    const isSameProcess = known?.incarnationId === request.incarnationId;
    const epoch = isSameProcess && known !== undefined ? known.epoch : nextOffset;
    const records: MetadataRecord[] = [registrationRecord(request, epoch, isSameProcess && known !== undefined ? known : null)];
    // Whatever the old process led or was in sync with is not this one's until it has caught up.
    if (known !== undefined && !isSameProcess) records.push(...leaveEverything(view.image, request.brokerId, uncleanElectionRule(view)));
    return { records, epoch };
  });
  if ('error' in result) return { records: [], response: { errorCode: result.error.errorCode, brokerEpoch: -1 } };
  contacts.forget(request.brokerId);
  contacts.touch(request.brokerId, moment.nowMs);
  return { records: result.value.records, response: { errorCode: ErrorCode.NONE, brokerEpoch: result.value.epoch } };
}

function checkRegistration(view: ControllerView, contacts: BrokerContacts, moment: ControllerMoment, request: BrokerRegistrationRequest): void {
  if (request.clusterId !== view.config.clusterId) refuse(ErrorCode.INCONSISTENT_CLUSTER_ID, `Expected cluster ID ${view.config.clusterId}, but got cluster ID ${request.clusterId}`);
  const known = view.image.broker(request.brokerId);
  const lastHeardMs = contacts.lastHeardMs(request.brokerId);
  if (known !== undefined && known.incarnationId !== request.incarnationId && lastHeardMs !== undefined && moment.nowMs - lastHeardMs < view.config.brokerSessionTimeoutMs) {
    refuse(ErrorCode.DUPLICATE_BROKER_REGISTRATION, `Another broker is registered with that broker id. If the broker was recently restarted this should self-resolve once the heartbeat manager expires the broker's session.`);
  }
  for (const [feature, level] of view.image.featureLevels) {
    const supported = request.features.find((it) => it.name === feature);
    const range = supported ?? { minSupportedVersion: 0, maxSupportedVersion: 0 };
    if (level < range.minSupportedVersion || level > range.maxSupportedVersion) {
      refuse(ErrorCode.UNSUPPORTED_VERSION, `Unable to register because the broker does not support finalized version ${level} of ${feature}. The broker wants a version between ${range.minSupportedVersion} and ${range.maxSupportedVersion}, inclusive.`);
    }
  }
}

function registrationRecord(request: BrokerRegistrationRequest, brokerEpoch: number, known: BrokerRegistration | null): MetadataRecord {
  return {
    type: 'RegisterBrokerRecord',
    version: REGISTER_VERSION,
    record: {
      brokerId: request.brokerId,
      isMigratingZkBroker: false,
      incarnationId: request.incarnationId,
      brokerEpoch,
      endPoints: request.listeners,
      features: request.features,
      rack: request.rack,
      fenced: known?.isFenced ?? true,
      inControlledShutdown: known?.isShuttingDown ?? false,
      logDirs: request.logDirs,
      cordonedLogDirs: null,
    },
  };
}

/** A broker says that it lives, and what it wants. It is unfenced once it has read the log up to its own registration. */
export function brokerHeartbeat(view: ControllerView, contacts: BrokerContacts, moment: ControllerMoment, request: BrokerHeartbeatRequest): ControllerResult<BrokerHeartbeatResponseInput> {
  const { brokerId } = request;
  const broker = view.image.broker(brokerId);
  if (broker === undefined) return { records: [], response: { errorCode: ErrorCode.BROKER_ID_NOT_REGISTERED, isCaughtUp: false, isFenced: true, shouldShutDown: false } };
  if (broker.epoch !== request.brokerEpoch) return { records: [], response: { errorCode: ErrorCode.STALE_BROKER_EPOCH, isCaughtUp: false, isFenced: true, shouldShutDown: false } };
  contacts.touch(brokerId, moment.nowMs);
  const isCaughtUp = request.currentMetadataOffset >= broker.epoch;
  const answer = (records: MetadataRecord[], isFenced: boolean, shouldShutDown: boolean): ControllerResult<BrokerHeartbeatResponseInput> => ({
    records,
    response: { errorCode: ErrorCode.NONE, isCaughtUp, isFenced, shouldShutDown },
  });
  if (broker.isFenced) {
    if (request.wantShutDown) return answer([], true, true);
    if (request.wantFence || !isCaughtUp) return answer([], true, false);
    return answer([changeRecord(broker, { fenced: -1 }), ...leadWhatWaits(view.image, brokerId, uncleanElectionRule(view))], false, false);
  }
  if (request.wantFence) return answer(fence(view, broker), true, request.wantShutDown);
  if (!request.wantShutDown) return answer([], false, false);
  if (!broker.isShuttingDown) {
    const records = leaveEverything(view.image, brokerId, uncleanElectionRule(view));
    // Leaderships move first; the broker goes when it has seen them move.
    if (leads(view, brokerId)) return answer([changeRecord(broker, { inControlledShutdown: 1 }), ...records], false, false);
    return answer([changeRecord(broker, { fenced: 1 }), ...records], true, true);
  }
  if (leads(view, brokerId) || request.currentMetadataOffset < contacts.shutdownOffset(brokerId, view.image.lastOffset)) return answer([], false, false);
  return answer(fence(view, broker), true, true);
}

/** Brokers that were not heard of for a session: fenced, one result for all. */
export function fenceSilentBrokers(view: ControllerView, contacts: BrokerContacts, nowMs: number): MetadataRecord[] {
  for (const broker of view.image.brokers.values()) {
    if (broker.isFenced) continue;
    const lastHeardMs = contacts.lastHeardMs(broker.brokerId);
    if (lastHeardMs === undefined) contacts.touch(broker.brokerId, nowMs);
    // One at a time: the next one's elections must see the first one gone.
    else if (nowMs - lastHeardMs >= view.config.brokerSessionTimeoutMs) return fence(view, broker);
  }
  return [];
}

export function unregisterBroker(view: ControllerView, contacts: BrokerContacts, brokerId: BrokerId): ControllerResult<UnregisterBrokerResponseInput> {
  const broker = view.image.broker(brokerId);
  if (broker === undefined) return { records: [], response: { errorCode: ErrorCode.BROKER_ID_NOT_REGISTERED, errorMessage: `Broker ID ${brokerId} is not currently registered` } };
  contacts.forget(brokerId);
  const gone: MetadataRecord = { type: 'UnregisterBrokerRecord', version: 0, record: { brokerId, brokerEpoch: broker.epoch } };
  return { records: [...leaveEverything(view.image, brokerId, uncleanElectionRule(view)), gone], response: { errorCode: ErrorCode.NONE, errorMessage: null } };
}

/** 0, or why this broker's request is not taken: it is not registered, or it is an earlier process. */
export function brokerEpochError(view: ControllerView, brokerId: BrokerId, brokerEpoch: number): number {
  const broker = view.image.broker(brokerId);
  return broker === undefined || broker.epoch !== brokerEpoch ? ErrorCode.STALE_BROKER_EPOCH : ErrorCode.NONE;
}

function fence(view: ControllerView, broker: BrokerRegistration): MetadataRecord[] {
  return [changeRecord(broker, { fenced: 1 }), ...leaveEverything(view.image, broker.brokerId, uncleanElectionRule(view))];
}

function changeRecord(broker: BrokerRegistration, change: { fenced?: number; inControlledShutdown?: number }): MetadataRecord {
  return {
    type: 'BrokerRegistrationChangeRecord',
    version: REGISTRATION_CHANGE_VERSION,
    record: { brokerId: broker.brokerId, brokerEpoch: broker.epoch, fenced: change.fenced ?? 0, inControlledShutdown: change.inControlledShutdown ?? 0, logDirs: [], cordonedLogDirs: null },
  };
}

function leads(view: ControllerView, brokerId: BrokerId): boolean {
  for (const topic of view.image.topics.values()) if (topic.partitions.some((it) => it.leader === brokerId)) return true;
  return false;
}
