/** ListConfigResources, versions 0-1. Deviations: there are no client metrics and group resources to list. */
import { CONFIG_RESOURCE_TYPES } from '@millrace/metadata';
import { ErrorCode, ListConfigResources, type ListConfigResourcesResponseInput } from '@millrace/protocol';
import { brokerApi } from '../broker-api.js';
import type { BrokerServices } from '../../broker/broker-services.js';

const KNOWN: readonly number[] = Object.values(CONFIG_RESOURCE_TYPES);

export const listConfigResourcesApi = brokerApi(ListConfigResources, (services) => (request, context): ListConfigResourcesResponseInput => {
  const types = context.apiVersion === 0 ? [CONFIG_RESOURCE_TYPES.CLIENT_METRICS] : request.resourceTypes.length === 0 ? KNOWN : request.resourceTypes;
  if (types.some((it) => !KNOWN.includes(it))) return { errorCode: ErrorCode.UNSUPPORTED_VERSION, configResources: [] };
  return { configResources: [...new Set(types)].flatMap((resourceType) => namesOf(services, resourceType).map((resourceName) => ({ resourceName, resourceType }))) };
});

function namesOf(services: BrokerServices, type: number): string[] {
  if (type === CONFIG_RESOURCE_TYPES.TOPIC) return [...services.image.topics.keys()];
  if (type === CONFIG_RESOURCE_TYPES.BROKER || type === CONFIG_RESOURCE_TYPES.BROKER_LOGGER) return [...services.image.brokers.keys()].map(String);
  return [];
}
