import type { BrokerId } from '@millrace/foundation';
import type { IsrProposal } from './partition-effects.js';

/** A change of the in-sync replicas that the controller has not answered yet. */
export interface PendingIsr {
  readonly kind: 'expand' | 'shrink';
  readonly proposal: IsrProposal;
}

/**
 * The in-sync replicas as the controller committed them, and the maximal set: with an expansion in flight the new member counts already, with a shrink in
 * flight the leaving ones still count (Invariant 12).
 */
export class InSyncReplicas {
  committed: readonly BrokerId[] = [];
  maximal: readonly BrokerId[] = [];
  pending: PendingIsr | null = null;

  commit(isr: readonly BrokerId[]): void {
    this.committed = isr;
    this.maximal = isr;
    this.pending = null;
  }

  propose(pending: PendingIsr): void {
    this.pending = pending;
    this.maximal = pending.kind === 'expand' ? pending.proposal.isr.map((it) => it.brokerId) : this.committed;
  }

  /** The controller says that the change was not applied and never will be. */
  revert(): void {
    this.commit(this.committed);
  }
}
