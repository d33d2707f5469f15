/** UnregisterBroker, version 0; decided by the active controller. Deviations: none known. */
import { UnregisterBroker } from '@millrace/protocol';
import { forwardedApi } from './forward.js';

export const unregisterBrokerApi = forwardedApi(UnregisterBroker, (errorCode) => ({ errorCode }));
