import { ErrorCode, type MetadataRecord, type UpdateFeaturesRequest, type UpdateFeaturesResponseInput } from '@millrace/protocol';
import { METADATA_VERSION_FEATURE, SUPPORTED_FEATURES } from '../features.js';
import { attempt, refuse, type ControllerResult, type ControllerView } from './controller-result.js';

const UPGRADE = 1;

/** All or nothing: one update that cannot be made fails the request. */
export function updateFeatures(view: ControllerView, request: UpdateFeaturesRequest): ControllerResult<UpdateFeaturesResponseInput> {
  const records: MetadataRecord[] = [];
  for (const update of request.featureUpdates) {
    const result = attempt(() => checkUpdate(view, update));
    if ('error' in result) return { records: [], response: { ...result.error, results: request.featureUpdates.map((it) => ({ feature: it.feature, ...result.error })) } };
    const { feature, maxVersionLevel } = update;
    if (result.value !== maxVersionLevel) records.push({ type: 'FeatureLevelRecord', version: 0, record: { name: feature, featureLevel: maxVersionLevel } });
  }
  const results = request.featureUpdates.map((it) => ({ feature: it.feature, errorCode: ErrorCode.NONE, errorMessage: null }));
  return { records: request.validateOnly ? [] : records, response: { errorCode: ErrorCode.NONE, errorMessage: null, results } };
}

/** The level now. */
function checkUpdate(view: ControllerView, update: UpdateFeaturesRequest.FeatureUpdate): number {
  const { feature, maxVersionLevel } = update;
  const invalid = (why: string): never => refuse(ErrorCode.INVALID_UPDATE_VERSION, `Invalid update version ${maxVersionLevel} for feature ${feature}. ${why}`);
  const current = view.image.featureLevels.get(feature) ?? 0;
  const ours = SUPPORTED_FEATURES.find((it) => it.name === feature);
  if (ours === undefined) return maxVersionLevel === 0 ? current : invalid('Local controller does not support this feature.');
  const isRemoval = maxVersionLevel === 0 && feature !== METADATA_VERSION_FEATURE;
  if (!isRemoval && (maxVersionLevel < ours.minSupportedVersion || maxVersionLevel > ours.maxSupportedVersion)) {
    invalid(`Local controller only supports versions ${ours.minSupportedVersion}-${ours.maxSupportedVersion}`);
  }
  for (const broker of view.image.brokers.values()) {
    const theirs = broker.features.find((it) => it.name === feature) ?? { minSupportedVersion: 0, maxSupportedVersion: 0 };
    if (maxVersionLevel < theirs.minSupportedVersion || maxVersionLevel > theirs.maxSupportedVersion) {
      invalid(`Broker ${broker.brokerId} only supports versions ${theirs.minSupportedVersion}-${theirs.maxSupportedVersion}`);
    }
  }
  if (maxVersionLevel < current && update.upgradeType === UPGRADE && !update.allowDowngrade) invalid("Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe downgrade.");
  return current;
}
