/** AlterConfigs, versions 0-2: the older form, where what is not named goes back to its default. Deviations: as for IncrementalAlterConfigs. */
import { AlterConfigs } from '@millrace/protocol';
import { brokerApi } from '../broker-api.js';
import { forwardConfigs } from './own-directories.js';

export const alterConfigsApi = brokerApi(AlterConfigs, (services) => (request, context) => forwardConfigs(services, AlterConfigs, request, context));
