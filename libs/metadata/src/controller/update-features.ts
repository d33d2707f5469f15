import { ErrorCode, type MetadataRecord, type UpdateFeaturesRequest, type UpdateFeaturesResponseInput } from '@millrace/protocol';
import { CONFIG_RESOURCE_TYPES } from '../config/config-resource.js';
import { ELIGIBLE_LEADER_REPLICAS_FEATURE, isRecordLoss, METADATA_VERSION_FEATURE, SUPPORTED_FEATURES } from '../features.js';
import type { FeatureRange } from '../image/broker-registration.js';
import { attempt, refuse, type ControllerResult, type ControllerView } from './controller-result.js';

const UPGRADE = 1;
const UNSAFE_DOWNGRADE = 3;
const ABSENT = { minSupportedVersion: 0, maxSupportedVersion: 0 };

/** All or nothing: one update that cannot be made fails the request. */
export function updateFeatures(view: ControllerView, request: UpdateFeaturesRequest): ControllerResult<UpdateFeaturesResponseInput> {
  const records: MetadataRecord[] = [];
  for (const update of request.featureUpdates) {
    const result = attempt(() => checkUpdate(view, update));
    if ('error' in result) {
      const { errorCode, errorMessage } = result.error;
      return { records: [], response: { errorCode, errorMessage: `The update failed for all features since the following feature had an error: ${errorMessage}`, results: [] } };
    }
    const { feature, maxVersionLevel } = update;
    if (feature === ELIGIBLE_LEADER_REPLICAS_FEATURE && maxVersionLevel > 0) records.push(...settleMinInSyncReplicas(view));
    if (result.value !== maxVersionLevel) records.push({ type: 'FeatureLevelRecord', version: 0, record: { name: feature, featureLevel: maxVersionLevel } });
  }
  const results = request.featureUpdates.map((it) => ({ feature: it.feature, errorCode: ErrorCode.NONE, errorMessage: null }));
  return { records: request.validateOnly ? [] : records, response: { errorCode: ErrorCode.NONE, errorMessage: null, results }, isAtomic: true };
}

/** With eligible leader replicas the controller must know min.insync.replicas for sure: one value for all brokers, in the log, and none of a single broker. */
function settleMinInSyncReplicas(view: ControllerView): MetadataRecord[] {
  const name = 'min.insync.replicas';
  const record = (resourceName: string, value: string | null): MetadataRecord => ({ type: 'ConfigRecord', version: 0, record: { resourceType: CONFIG_RESOURCE_TYPES.BROKER, resourceName, name, value } });
  const records: MetadataRecord[] = [];
  if (!view.image.configs('BROKER', '').has(name)) records.push(record('', view.config.staticBrokerConfigs.get(name) ?? '1'));
  for (const it of view.image.configResources) if (it.type === 'BROKER' && it.name !== '' && it.values.has(name)) records.push(record(it.name, null));
  return records;
}

/** The level now. */
function checkUpdate(view: ControllerView, update: UpdateFeaturesRequest.FeatureUpdate): number {
  const { feature, maxVersionLevel } = update;
  const invalid = (why: string): never => refuse(ErrorCode.INVALID_UPDATE_VERSION, `Invalid update version ${maxVersionLevel} for feature ${feature}. ${why}`);
  const current = view.image.featureLevels.get(feature) ?? 0;
  // Version 0 of the request has no types, only a permission.
  const isUpgrade = update.upgradeType === UPGRADE && !update.allowDowngrade;
  if (update.upgradeType < UPGRADE || update.upgradeType > UNSAFE_DOWNGRADE) invalid('The controller does not support the given upgrade type.');
  if (maxVersionLevel < 0) invalid('A feature version cannot be less than 0.');
  const reason = reasonNotSupported(view, feature, maxVersionLevel);
  if (reason !== null) invalid(reason);
  if (maxVersionLevel < current && isUpgrade) invalid("Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe downgrade.");
  if (maxVersionLevel > current && !isUpgrade) invalid("Can't downgrade to a newer version.");
  if (feature === METADATA_VERSION_FEATURE && isRecordLoss(current, maxVersionLevel)) {
    const why = update.upgradeType === UNSAFE_DOWNGRADE ? 'Unsafe metadata downgrade is not supported in this version.' : 'Refusing to perform the requested downgrade because it might delete metadata information.';
    refuse(ErrorCode.INVALID_UPDATE_VERSION, `Unsupported metadata.version downgrade from ${current} to ${maxVersionLevel}. ${why}`);
  }
  return current;
}

/** Every node must be able to run at the level: this one, each broker, each controller. */
function reasonNotSupported(view: ControllerView, feature: string, level: number): string | null {
  const { image, config } = view;
  const local = config.nodeId === undefined ? 'Local controller' : `Local controller ${config.nodeId}`;
  const ours = SUPPORTED_FEATURES.find((it) => it.name === feature);
  if (ours === undefined) return level === 0 ? null : `${local} does not support this feature.`;
  const isRemoval = level === 0 && feature !== METADATA_VERSION_FEATURE;
  if (!isRemoval && !within(ours, level)) return `${local} only supports versions ${ours.minSupportedVersion}-${ours.maxSupportedVersion}`;
  for (const broker of image.brokers.values()) {
    const theirs = broker.features.find((it) => it.name === feature) ?? ABSENT;
    if (!within(theirs, level)) return `Broker ${broker.brokerId} only supports versions ${theirs.minSupportedVersion}-${theirs.maxSupportedVersion}`;
  }
  for (const controllerId of new Set([...image.controllers.keys(), ...(config.quorumNodeIds ?? [])])) {
    if (controllerId === config.nodeId) continue;
    const controller = image.controllers.get(controllerId);
    if (controller === undefined) return `controller ${controllerId} has not registered, and may not support this feature`;
    const theirs = controller.features.find((it) => it.name === feature) ?? ABSENT;
    if (!within(theirs, level)) return `Controller ${controllerId} only supports versions ${theirs.minSupportedVersion}-${theirs.maxSupportedVersion}`;
  }
  return null;
}

function within(range: Pick<FeatureRange, 'minSupportedVersion' | 'maxSupportedVersion'>, level: number): boolean {
  return level >= range.minSupportedVersion && level <= range.maxSupportedVersion;
}
