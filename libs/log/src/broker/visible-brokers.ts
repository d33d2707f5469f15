import type { MetadataImage } from '@millrace/metadata';
import type { VisibleBroker } from './broker-services.js';

/** The brokers that a client of this listener can be sent to. */
export function visibleBrokers(image: MetadataImage, listenerName: string, includeFenced: boolean): VisibleBroker[] {
  return [...image.brokers.values()].flatMap((it) => {
    const endpoint = it.endpoints.find((candidate) => candidate.name === listenerName);
    if (endpoint === undefined || (it.isFenced && !includeFenced)) return [];
    return [{ brokerId: it.brokerId, host: endpoint.host, port: endpoint.port, rack: it.rack, isFenced: it.isFenced }];
  });
}
