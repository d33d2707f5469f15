import type { BrokerId, Offset } from '@millrace/foundation';

/** When the controller last heard of each broker. Not in the log: a new controller gives every broker a whole session. */
export class BrokerContacts {
  private readonly lastMs = new Map<BrokerId, number>();
  private readonly shutdownOffsets = new Map<BrokerId, Offset>();

  touch(brokerId: BrokerId, nowMs: number): void {
    this.lastMs.set(brokerId, nowMs);
  }

  /** A stopping broker must have seen the log up to here: where it stood when the controller first found it stopping. */
  shutdownOffset(brokerId: BrokerId, lastOffset: Offset): Offset {
    const known = this.shutdownOffsets.get(brokerId) ?? lastOffset;
    this.shutdownOffsets.set(brokerId, known);
    return known;
  }

  forget(brokerId: BrokerId): void {
    this.shutdownOffsets.delete(brokerId);
    this.lastMs.delete(brokerId);
  }

  lastHeardMs(brokerId: BrokerId): number | undefined {
    return this.lastMs.get(brokerId);
  }
}
