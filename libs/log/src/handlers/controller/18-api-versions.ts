/** ApiVersions of a listener for controllers, versions 0-4. Deviations: as for brokers. */
import { apiVersionsHandler } from '../control/18-api-versions.js';
import { controllerApi, type ControllerApi } from './controller-api.js';
import { ApiVersions } from '@millrace/protocol';

/** `apis` is everything that the controller answers, this one included. */
export function controllerApiVersionsApi(apis: () => readonly ControllerApi[]): ControllerApi {
  return controllerApi(ApiVersions, (services) => apiVersionsHandler({ image: services.image, kRaftVersion: () => services.quorum.kRaftVersion }, apis));
}
