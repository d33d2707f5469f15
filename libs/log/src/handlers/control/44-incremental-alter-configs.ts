/** IncrementalAlterConfigs, versions 0-1, of topics and brokers. Deviations: of a broker's settings only the defaults of topics, throttles of replication and cordoned.log.dirs can be changed while it runs. */
import { IncrementalAlterConfigs } from '@millrace/protocol';
import { brokerApi } from '../broker-api.js';
import { forwardConfigs } from './own-directories.js';

export const incrementalAlterConfigsApi = brokerApi(IncrementalAlterConfigs, (services) => (request, context) => forwardConfigs(services, IncrementalAlterConfigs, request, context));
