import type { BrokerId, Offset, Uuid } from '@millrace/foundation';
import { ErrorCode, type BrokerHeartbeatRequest, type BrokerHeartbeatResponseInput, type MetadataRecord } from '@millrace/protocol';
import { hasCordonedDirectories } from '../features.js';
import type { BrokerRegistration } from '../image/broker-registration.js';
import type { BrokerContacts } from './broker-contacts.js';
import { leadWhatWaits, leaveDirectories, leaveInSyncSets } from './broker-moves.js';
import type { ControllerMoment, ControllerResult, ControllerView } from './controller-result.js';
import { brokerEpochError } from './register-broker.js';

/** `stopping`: in controlled shutdown, until no leader is left and the others have read so. `stopped`: fenced, and told to go. */
type BrokerState = 'fenced' | 'unfenced' | 'stopping' | 'stopped';

const FENCE = 1;
const UNFENCE = -1;

/**
 * A broker says that it lives, how far it has read the log, and what it wants. It is unfenced once it has read the log up to its own registration; it may stop
 * when others lead what it led. `nextOffset`: where the first record of the result will stand.
 */
export function brokerHeartbeat(view: ControllerView, contacts: BrokerContacts, moment: ControllerMoment, request: BrokerHeartbeatRequest, nextOffset: Offset): ControllerResult<BrokerHeartbeatResponseInput> {
  const { brokerId } = request;
  const broker = view.image.broker(brokerId);
  const errorCode = brokerEpochError(view, brokerId, request.brokerEpoch);
  if (broker === undefined || errorCode !== ErrorCode.NONE) return { records: [], response: { errorCode, isCaughtUp: false, isFenced: true, shouldShutDown: false } };
  contacts.heard(brokerId, broker.epoch, moment.nowMs, request.currentMetadataOffset);
  const now = currentState(contacts, broker);
  const next = nextState(view, contacts, broker, request, now);
  const offline = broker.logDirs.filter((it) => request.offlineLogDirs.includes(it));
  const records = [...(now === next ? [] : transition(view, broker, next, offline)), ...directoriesOffline(view, broker, next, offline), ...directoriesCordoned(view, broker, request.cordonedLogDirs)];
  if (next === 'stopping') contacts.beginShutdown(brokerId, nextOffset + records.length - 1);
  else contacts.endShutdown(brokerId);
  // Told to go: whoever comes with this id now is another process, and may.
  if (next === 'stopped') contacts.forget(brokerId);
  return {
    records,
    response: {
      errorCode: ErrorCode.NONE,
      isCaughtUp: request.currentMetadataOffset >= contacts.registrationOffset(brokerId),
      isFenced: next === 'fenced' || next === 'stopped',
      shouldShutDown: next === 'stopped',
    },
  };
}

function currentState(contacts: BrokerContacts, broker: BrokerRegistration): BrokerState {
  if (broker.isFenced) return 'fenced';
  return contacts.shutdownOffset(broker.brokerId) === undefined ? 'unfenced' : 'stopping';
}

function nextState(view: ControllerView, contacts: BrokerContacts, broker: BrokerRegistration, request: BrokerHeartbeatRequest, now: BrokerState): BrokerState {
  const { brokerId } = broker;
  if (now === 'fenced') {
    if (request.wantShutDown) return 'stopped';
    return request.wantFence || request.currentMetadataOffset < contacts.registrationOffset(brokerId) ? 'fenced' : 'unfenced';
  }
  if (now === 'unfenced') {
    if (request.wantFence) return request.wantShutDown ? 'stopped' : 'fenced';
    if (!request.wantShutDown) return 'unfenced';
    return view.partitions.isLeader(brokerId) ? 'stopping' : 'stopped';
  }
  if (view.partitions.isLeader(brokerId)) return 'stopping';
  return (contacts.shutdownOffset(brokerId) ?? 0) <= lowestActiveOffset(view, contacts) ? 'stopped' : 'stopping';
}

/** How far every broker that takes part has read the log; no bound when there is none. */
function lowestActiveOffset(view: ControllerView, contacts: BrokerContacts): Offset {
  let lowest = Number.POSITIVE_INFINITY;
  for (const it of view.image.brokers.values()) if (currentState(contacts, it) === 'unfenced') lowest = Math.min(lowest, contacts.metadataOffset(it.brokerId));
  return lowest;
}

function transition(view: ControllerView, broker: BrokerRegistration, next: BrokerState, offline: readonly Uuid[]): MetadataRecord[] {
  switch (next) {
    case 'fenced':
    case 'stopped':
      return fence(view, broker);
    case 'unfenced':
      return [registrationChange(broker, 0, { fenced: UNFENCE }), ...leadWhatWaits(view, broker.brokerId, new Set(offline))];
    case 'stopping':
      return [...(broker.isShuttingDown ? [] : [registrationChange(broker, 1, { inControlledShutdown: 1 })]), ...leaveInSyncSets(view, broker.brokerId)];
  }
}

/** Directories that were fine until now: what is in them is led by others. A broker that goes has left everything already. */
function directoriesOffline(view: ControllerView, broker: BrokerRegistration, next: BrokerState, offline: readonly Uuid[]): MetadataRecord[] {
  if (offline.length === 0) return [];
  const logDirs = broker.logDirs.filter((it) => !offline.includes(it));
  return [...(next === 'unfenced' && !broker.isFenced ? leaveDirectories(view, broker.brokerId, offline) : []), registrationChange(broker, 2, { logDirs })];
}

/** A broker that has caught up always says which they are, even if none; at a metadata version without them it is not heard. */
function directoriesCordoned(view: ControllerView, broker: BrokerRegistration, cordoned: readonly Uuid[] | null): MetadataRecord[] {
  if (cordoned === null || !hasCordonedDirectories(view.image.featureLevels)) return [];
  const known = broker.cordonedLogDirs;
  const isSame = known !== null && known.every((it) => cordoned.includes(it)) && cordoned.every((it) => known.includes(it));
  return isSame ? [] : [registrationChange(broker, 3, { cordonedLogDirs: [...cordoned] })];
}

function fence(view: ControllerView, broker: BrokerRegistration): MetadataRecord[] {
  return [...leaveInSyncSets(view, broker.brokerId), registrationChange(broker, 0, { fenced: FENCE })];
}

/** `version`: the first that has what is told, as Kafka chooses it. */
function registrationChange(broker: BrokerRegistration, version: number, change: { fenced?: number; inControlledShutdown?: number; logDirs?: Uuid[]; cordonedLogDirs?: Uuid[] }): MetadataRecord {
  return {
    type: 'BrokerRegistrationChangeRecord',
    version,
    record: {
      brokerId: broker.brokerId,
      brokerEpoch: broker.epoch,
      fenced: change.fenced ?? 0,
      inControlledShutdown: change.inControlledShutdown ?? 0,
      logDirs: change.logDirs ?? [],
      cordonedLogDirs: change.cordonedLogDirs ?? null,
    },
  };
}

/** The node that was the active controller before this one, and when this one last heard of it. */
export interface FormerController {
  readonly nodeId: BrokerId;
  readonly lastHeardMs: number;
}

/** One broker that was not heard of for a session is fenced; the next one's elections must see it gone. */
export function fenceSilentBroker(view: ControllerView, contacts: BrokerContacts, nowMs: number): MetadataRecord[] {
  for (const broker of view.image.brokers.values()) {
    if (broker.isFenced) continue;
    const lastHeardMs = contacts.lastHeardMs(broker.brokerId, broker.epoch);
    if (lastHeardMs === undefined) contacts.heard(broker.brokerId, broker.epoch, nowMs);
    else if (nowMs - lastHeardMs >= view.config.brokerSessionTimeoutMs) {
      contacts.forget(broker.brokerId);
      return fence(view, broker);
    }
  }
  return [];
}

/** When the next session ends if nobody is heard of any more; infinity where there is none. */
export function nextSessionEndMs(view: ControllerView, contacts: BrokerContacts): number {
  let earliestMs = Number.POSITIVE_INFINITY;
  for (const { isFenced, brokerId, epoch } of view.image.brokers.values()) {
    const lastHeardMs = isFenced ? undefined : contacts.lastHeardMs(brokerId, epoch);
    if (lastHeardMs !== undefined) earliestMs = Math.min(earliestMs, lastHeardMs + view.config.brokerSessionTimeoutMs);
  }
  return earliestMs;
}

/**
 * This controller has just become the active one: each unfenced broker has a whole session to be heard of. Of the node that was the active controller more is known: if it died, then after it
 * was last heard of. At least half a session is left to it, should this node have been away itself.
 */
export function beginSessions(view: ControllerView, contacts: BrokerContacts, nowMs: number, former?: FormerController): void {
  contacts.forgetAll();
  const earliestMs = nowMs - view.config.brokerSessionTimeoutMs / 2;
  for (const { isFenced, brokerId, epoch } of view.image.brokers.values()) {
    if (!isFenced) contacts.heard(brokerId, epoch, brokerId === former?.nodeId ? Math.min(nowMs, Math.max(former.lastHeardMs, earliestMs)) : nowMs);
  }
}
