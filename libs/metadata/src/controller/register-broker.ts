import type { BrokerId, Offset } from '@millrace/foundation';
import { ErrorCode, type BrokerRegistrationRequest, type BrokerRegistrationResponseInput, type MetadataRecord, type UnregisterBrokerResponseInput } from '@millrace/protocol';
import { METADATA_VERSION_FEATURE, registerBrokerVersion } from '../features.js';
import type { BrokerRegistration } from '../image/broker-registration.js';
import { isReservedDirectory } from '../image/directory-id.js';
import type { BrokerContacts } from './broker-contacts.js';
import { leaveAfterUncleanShutdown, leaveForGood, leaveInSyncSets } from './broker-moves.js';
import { attempt, refuse, type ControllerMoment, type ControllerResult, type ControllerView } from './controller-result.js';
import { hasEligibleReplicas } from './topic-rules.js';

/** `nextOffset`: where the first record will stand in the metadata log; it becomes the broker's epoch. */
export function registerBroker(view: ControllerView, contacts: BrokerContacts, moment: ControllerMoment, request: BrokerRegistrationRequest, nextOffset: Offset): ControllerResult<BrokerRegistrationResponseInput> {
  const result = attempt(() => {
    checkRegistration(view, contacts, moment, request);
    const known = view.image.broker(request.brokerId);
    // The same process asks again: it missed the answer, or something of it changed.
    if (known?.incarnationId === request.incarnationId) return { records: [registrationRecord(view, request, known.epoch)], epoch: known.epoch };
    return { records: [...leaveOldProcess(view, request, known), registrationRecord(view, request, nextOffset)], epoch: nextOffset };
  });
  if ('error' in result) return { records: [], response: { errorCode: result.error.errorCode, brokerEpoch: -1 } };
  if (result.value.epoch === nextOffset) contacts.forget(request.brokerId);
  return { records: result.value.records, response: { errorCode: ErrorCode.NONE, brokerEpoch: result.value.epoch } };
}

/** Whatever the old process led or was in sync with is not this one's until it has caught up; what was not synced at an unclean end may not even be there. */
function leaveOldProcess(view: ControllerView, request: BrokerRegistrationRequest, known: BrokerRegistration | undefined): MetadataRecord[] {
  const isClean = known !== undefined && known.epoch === request.previousBrokerEpoch;
  return hasEligibleReplicas(view) && !isClean ? leaveAfterUncleanShutdown(view, request.brokerId) : leaveInSyncSets(view, request.brokerId);
}

function checkRegistration(view: ControllerView, contacts: BrokerContacts, moment: ControllerMoment, request: BrokerRegistrationRequest): void {
  if (request.clusterId !== view.config.clusterId) refuse(ErrorCode.INCONSISTENT_CLUSTER_ID, `Expected cluster ID ${view.config.clusterId}, but got cluster ID ${request.clusterId}`);
  const known = view.image.broker(request.brokerId);
  if (known !== undefined && known.incarnationId !== request.incarnationId && hasSession(view, contacts, moment, known)) {
    refuse(ErrorCode.DUPLICATE_BROKER_REGISTRATION, `Another broker is registered with that broker id. If the broker was recently restarted this should self-resolve once the heartbeat manager expires the broker's session.`);
  }
  if (request.isMigratingZkBroker) refuse(ErrorCode.BROKER_ID_NOT_REGISTERED, 'Controller does not support registering ZK brokers.');
  checkDirectories(view, request);
  checkFeatures(view, request);
}

/** The other process may still live. That of this very node does not: there is one process per node. */
function hasSession(view: ControllerView, contacts: BrokerContacts, moment: ControllerMoment, known: BrokerRegistration): boolean {
  if (known.brokerId === view.config.nodeId) return false;
  const lastHeardMs = contacts.lastHeardMs(known.brokerId, known.epoch);
  return lastHeardMs !== undefined && moment.nowMs - lastHeardMs < view.config.brokerSessionTimeoutMs;
}

function checkDirectories(view: ControllerView, request: BrokerRegistrationRequest): void {
  const invalid = (why: string): never => refuse(ErrorCode.INVALID_REGISTRATION, why);
  const { logDirs } = request;
  if (logDirs.length === 0) invalid('No directories specified in request');
  if (logDirs.some(isReservedDirectory)) invalid('Reserved directory ID in request');
  if (new Set(logDirs).size < logDirs.length) invalid('Duplicate directory ID in request');
  for (const other of view.image.brokers.values()) {
    const shared = other.brokerId === request.brokerId ? undefined : logDirs.find((it) => other.logDirs.includes(it));
    if (shared !== undefined) invalid(`Broker ${other.brokerId} is already registered with directory ${shared}`);
  }
}

function checkFeatures(view: ControllerView, request: BrokerRegistrationRequest): void {
  for (const [feature, level] of view.image.featureLevels) {
    const range = request.features.find((it) => it.name === feature) ?? { minSupportedVersion: 0, maxSupportedVersion: 0 };
    if (level < range.minSupportedVersion || level > range.maxSupportedVersion) {
      refuse(ErrorCode.UNSUPPORTED_VERSION, `Unable to register because the broker does not support finalized version ${level} of ${feature}. The broker wants a version between ${range.minSupportedVersion} and ${range.maxSupportedVersion}, inclusive.`);
    }
  }
  for (const it of request.features) {
    if (it.minSupportedVersion > 0 && !view.image.featureLevels.has(it.name)) {
      refuse(ErrorCode.UNSUPPORTED_VERSION, `Unable to register because the broker does not support finalized version 0 of ${it.name}. The broker wants a version between ${it.minSupportedVersion} and ${it.maxSupportedVersion}, inclusive.`);
    }
  }
  if (!request.features.some((it) => it.name === METADATA_VERSION_FEATURE)) refuse(ErrorCode.INVALID_REGISTRATION, `Request features do not contain '${METADATA_VERSION_FEATURE}'`);
}

/** A process that is known stays as it is. Which directories are cordoned it says with its next heartbeat. */
function registrationRecord(view: ControllerView, request: BrokerRegistrationRequest, brokerEpoch: number): MetadataRecord {
  const registered = view.image.broker(request.brokerId);
  const known = registered?.incarnationId === request.incarnationId ? registered : undefined;
  return {
    type: 'RegisterBrokerRecord',
    version: registerBrokerVersion(view.image.featureLevels),
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

/** The broker leaves what it is in sync with. What it was eligible to lead ends when it registers again, for nobody knows it then. */
export function unregisterBroker(view: ControllerView, contacts: BrokerContacts, brokerId: BrokerId): ControllerResult<UnregisterBrokerResponseInput> {
  const broker = view.image.broker(brokerId);
  if (broker === undefined) return { records: [], response: { errorCode: ErrorCode.BROKER_ID_NOT_REGISTERED, errorMessage: `Broker ID ${brokerId} is not currently registered` } };
  contacts.forget(brokerId);
  const gone: MetadataRecord = { type: 'UnregisterBrokerRecord', version: 0, record: { brokerId, brokerEpoch: broker.epoch } };
  return { records: [...leaveForGood(view, brokerId), gone], response: { errorCode: ErrorCode.NONE, errorMessage: null } };
}

/** 0, or why this broker's request is not taken: it is not registered, or it is an earlier process. */
export function brokerEpochError(view: ControllerView, brokerId: BrokerId, brokerEpoch: number): number {
  const broker = view.image.broker(brokerId);
  return broker === undefined || broker.epoch !== brokerEpoch ? ErrorCode.STALE_BROKER_EPOCH : ErrorCode.NONE;
}
