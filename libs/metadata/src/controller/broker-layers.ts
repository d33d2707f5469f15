import type { BrokerId } from '@millrace/foundation';
import type { BrokerConfigLayers } from '../config/effective-config.js';
import type { ControllerView } from './controller-result.js';

/** The settings of a broker by their strength; a broker id of -1: what all brokers share. */
export function brokerLayers(view: ControllerView, brokerId: BrokerId): BrokerConfigLayers {
  return {
    dynamicBroker: brokerId < 0 ? new Map() : view.image.configs('BROKER', String(brokerId)),
    dynamicDefault: view.image.configs('BROKER', ''),
    static: view.config.staticBrokerConfigs,
  };
}
