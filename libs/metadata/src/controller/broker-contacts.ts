import type { BrokerEpoch, BrokerId, Offset } from '@millrace/foundation';

interface Contact {
  readonly epoch: BrokerEpoch;
  lastMs: number;
  /** How far the broker has read the metadata log, as it said. */
  metadataOffset: Offset;
}

/**
 * When the controller last heard of each broker, and of what. Not in the log: a new controller gives every broker a whole session. A session belongs to an epoch,
 * so a new registration begins without one.
 */
export class BrokerContacts {
  private readonly byBroker = new Map<BrokerId, Contact>();
  /** Brokers in controlled shutdown: where the log ended when their leaders had moved. */
  private readonly shutdownOffsets = new Map<BrokerId, Offset>();
  /** Where each registration stands in the log: what a broker must have read before it is unfenced. */
  private readonly registrationOffsets = new Map<BrokerId, Offset>();

  heard(brokerId: BrokerId, epoch: BrokerEpoch, nowMs: number, metadataOffset?: Offset): void {
    const contact = this.byBroker.get(brokerId);
    if (contact === undefined || contact.epoch !== epoch) this.byBroker.set(brokerId, { epoch, lastMs: nowMs, metadataOffset: metadataOffset ?? -1 });
    else {
      contact.lastMs = nowMs;
      if (metadataOffset !== undefined) contact.metadataOffset = metadataOffset;
    }
  }

  /** Undefined: not heard of in this epoch. */
  lastHeardMs(brokerId: BrokerId, epoch: BrokerEpoch): number | undefined {
    const contact = this.byBroker.get(brokerId);
    return contact?.epoch === epoch ? contact.lastMs : undefined;
  }

  /** -1: not heard of yet. */
  metadataOffset(brokerId: BrokerId): Offset {
    return this.byBroker.get(brokerId)?.metadataOffset ?? -1;
  }

  /** Its session is over. */
  forget(brokerId: BrokerId): void {
    this.byBroker.delete(brokerId);
    this.shutdownOffsets.delete(brokerId);
  }

  /** The new controller knows of nobody. */
  forgetAll(): void {
    this.byBroker.clear();
    this.shutdownOffsets.clear();
  }

  /** Another log is read from its beginning. */
  clear(): void {
    this.forgetAll();
    this.registrationOffsets.clear();
  }

  beginShutdown(brokerId: BrokerId, offset: Offset): void {
    if (!this.shutdownOffsets.has(brokerId)) this.shutdownOffsets.set(brokerId, offset);
  }

  /** Fenced: on its next heartbeat a broker that wants to stop may do so at once. */
  endShutdown(brokerId: BrokerId): void {
    this.shutdownOffsets.delete(brokerId);
  }

  /** Undefined: not in controlled shutdown, as far as this controller knows. */
  shutdownOffset(brokerId: BrokerId): Offset | undefined {
    return this.shutdownOffsets.get(brokerId);
  }

  registered(brokerId: BrokerId, offset: Offset): void {
    this.registrationOffsets.set(brokerId, offset);
  }

  registrationOffset(brokerId: BrokerId): Offset {
    return this.registrationOffsets.get(brokerId) ?? -1;
  }
}
