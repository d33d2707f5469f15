import type { StoredPosition } from '../rows/position.js';
import type { Lsn } from '../wire/lsn.js';

/**
 * Leaves out what the log already has of the transaction in whose middle the last run ended.
 *
 * The server sends transactions in the order of their commits and each of them whole, so of all that it sends from the last stored
 * commit on, only one transaction can be in the log in part: the one of the stored offset. Its changes come in the order of their
 * positions; several may share one, hence the count.
 */
export class ResumeFilter {
  private isArmed: boolean;
  private isInside = false;

  constructor(private readonly stored: StoredPosition | undefined) {
    this.isArmed = stored !== undefined && stored.snapshot === 'none' && stored.messageType !== 'COMMIT';
  }

  begin(xid: number, finalLsn: Lsn): void {
    this.isInside = this.isArmed && this.stored !== undefined && this.stored.xid === xid && finalLsn >= this.stored.lsn;
  }

  /** True while the transaction that was interrupted is read again. */
  get isReplaying(): boolean {
    return this.isInside;
  }

  commit(): void {
    if (this.isInside) this.isArmed = false;
    this.isInside = false;
  }

  /** `index` counts the changes at this position from 1. */
  isStored(lsn: Lsn, index: number): boolean {
    const { stored } = this;
    return this.isInside && stored !== undefined && (lsn < stored.lsn || (lsn === stored.lsn && index <= stored.eventsAtLsn));
  }

  /** For a message outside transactions. */
  isStoredMessage(lsn: Lsn): boolean {
    const { stored } = this;
    return this.isArmed && stored !== undefined && stored.messageType === 'MESSAGE' && stored.commitLsn === stored.lsn && lsn <= stored.lsn;
  }
}
