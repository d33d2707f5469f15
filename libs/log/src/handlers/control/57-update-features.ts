/** UpdateFeatures, versions 0-2; decided by the active controller. Deviations: none known. */
import { UpdateFeatures } from '@millrace/protocol';
import { forwardedApi } from './forward.js';

export const updateFeaturesApi = forwardedApi(UpdateFeatures, (errorCode) => ({ errorCode }));
