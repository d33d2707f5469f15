/** IncrementalAlterConfigs, versions 0-1, of topics and brokers. Deviations: of a broker's settings only the defaults of topics can be changed while it runs. */
import { IncrementalAlterConfigs } from '@millrace/protocol';
import { forwardedApi } from './forward.js';

export const incrementalAlterConfigsApi = forwardedApi(IncrementalAlterConfigs, (errorCode, request) => ({ responses: request.resources.map(({ resourceType, resourceName }) => ({ errorCode, resourceType, resourceName })) }));
