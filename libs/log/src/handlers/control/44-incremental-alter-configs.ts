/** IncrementalAlterConfigs, versions 0-1, of topics and brokers. Deviations: of a broker's settings only the defaults of topics can be changed while it runs. */
import { IncrementalAlterConfigs } from '@millrace/protocol';
import { brokerApi } from '../broker-api.js';
import { orNotController } from './controller-answer.js';

export const incrementalAlterConfigsApi = brokerApi(IncrementalAlterConfigs, (services) => (request) =>
  orNotController(
    services.controller.submit((controller) => controller.incrementalAlterConfigs(request)),
    (errorCode) => ({ responses: request.resources.map(({ resourceType, resourceName }) => ({ errorCode, resourceType, resourceName })) }),
  ),
);
