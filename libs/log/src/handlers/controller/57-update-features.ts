/** UpdateFeatures, versions 0-2. Deviations: none known. */
import { UpdateFeatures } from '@millrace/protocol';
import { operationApi, atTop } from './controller-api.js';

export const updateFeaturesApi = operationApi(
  UpdateFeatures,
  (request) => (controller) => controller.updateFeatures(request),
  atTop,
);
