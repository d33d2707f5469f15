/** AlterConfigs, versions 0-2: the older form, where what is not named goes back to its default. Deviations: as for IncrementalAlterConfigs. */
import { AlterConfigs } from '@millrace/protocol';
import { forwardedApi } from './forward.js';

export const alterConfigsApi = forwardedApi(AlterConfigs, (errorCode, request) => ({ responses: request.resources.map(({ resourceType, resourceName }) => ({ errorCode, resourceType, resourceName })) }));
