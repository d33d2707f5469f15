/**
 * UpdateFeatures, versions 0-2. `kraft.version` is decided by the quorum, everything else by the controller; one update that cannot be made refuses all. Deviations: answered when a
 * raised kraft.version is committed.
 */
import { ErrorCode, ProtocolError, UpdateFeatures, type UpdateFeaturesRequest, type UpdateFeaturesResponseInput } from '@millrace/protocol';
import type { ControllerServices } from '../../controller/controller-services.js';
import { KRAFT_VERSIONS } from '../../kraft-versions.js';
import { controllerApi } from './controller-api.js';
import { codeOf } from './quorum-answer.js';

const UPGRADE = 1;

interface Refusal {
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

export const updateFeaturesApi = controllerApi(UpdateFeatures, (services) => async (request): Promise<UpdateFeaturesResponseInput> => {
  try {
    const raised = request.featureUpdates.find((it) => it.feature === KRAFT_VERSIONS.name);
    if (raised === undefined) return await decide(services, request);
    const refusal = refusedType(raised) ?? (await raise(services, raised.maxVersionLevel, true));
    if (refusal !== null) return refusedAll(request, refusal);
    const others = request.featureUpdates.filter((it) => it !== raised);
    const response = await decide(services, { ...request, featureUpdates: others });
    const failure = response.errorCode !== ErrorCode.NONE ? { errorCode: response.errorCode ?? ErrorCode.NONE, errorMessage: response.errorMessage ?? null } : request.validateOnly ? null : await raise(services, raised.maxVersionLevel, false);
    if (failure !== null) return refusedAll(request, failure);
    return { errorCode: ErrorCode.NONE, errorMessage: null, results: request.featureUpdates.map((it) => ({ feature: it.feature, errorCode: ErrorCode.NONE, errorMessage: null })) };
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { errorCode: error.errorCode };
  }
});

function decide(services: ControllerServices, request: UpdateFeaturesRequest): Promise<UpdateFeaturesResponseInput> {
  return services.driver.submit((controller) => controller.updateFeatures(request));
}

/** Voters do not leave the log again. */
function refusedType(update: UpdateFeaturesRequest.FeatureUpdate): Refusal | null {
  if (update.upgradeType === UPGRADE && !update.allowDowngrade) return null;
  return { errorCode: ErrorCode.INVALID_UPDATE_VERSION, errorMessage: `Invalid update version ${update.maxVersionLevel} for feature ${update.feature}. Can't downgrade the version of this feature.` };
}

async function raise(services: ControllerServices, kRaftVersion: number, validateOnly: boolean): Promise<Refusal | null> {
  const reply = await services.quorum.ask({ api: 'upgradeKRaftVersion', kRaftVersion, validateOnly });
  const errorCode = reply === undefined ? ErrorCode.NOT_CONTROLLER : codeOf(reply.answer.errorCode);
  if (errorCode === ErrorCode.NONE) return null;
  if (errorCode === ErrorCode.NOT_CONTROLLER || errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER || errorCode === ErrorCode.FENCED_LEADER_EPOCH) throw new ProtocolError(ErrorCode.NOT_CONTROLLER);
  return { errorCode, errorMessage: reply?.answer.errorMessage ?? null };
}

function refusedAll(request: UpdateFeaturesRequest, refusal: Refusal): UpdateFeaturesResponseInput {
  return { ...refusal, results: request.featureUpdates.map((it) => ({ feature: it.feature, ...refusal })) };
}
