import { invariant, type Offset } from '@millrace/foundation';
import type { QuorumState } from './quorum-state.js';
import { NO_RAFT_EFFECTS, type Candidacy, type InboundAnswer, type LogFlush, type OutboundRequest, type RaftAppend, type RaftEffects, type RoleChange, type SnapshotChunk, type StepDown } from './raft-effects.js';

/** Gathers the effects of one input. */
export class EffectsBuilder {
  persist: QuorumState | null = null;
  truncateTo: Offset | null = null;
  writeSnapshot: SnapshotChunk | null = null;
  flush: LogFlush | null = null;
  requests: OutboundRequest[] = [];
  answers: InboundAnswer[] = [];
  highWatermarkAdvancedTo: Offset | null = null;
  roleChanged: RoleChange | null = null;
  steppedDown: StepDown | null = null;
  candidacy: Candidacy | null = null;
  shutdownComplete = false;
  private appended: RaftAppend | null = null;

  set append(append: RaftAppend) {
    invariant(this.appended === null && this.truncateTo === null, 'one input appends once, and does not cut the log too');
    this.appended = append;
  }

  get isEmpty(): boolean {
    return (
      this.persist === null &&
      this.truncateTo === null &&
      this.appended === null &&
      this.writeSnapshot === null &&
      this.flush === null &&
      this.requests.length === 0 &&
      this.answers.length === 0 &&
      this.highWatermarkAdvancedTo === null &&
      this.roleChanged === null &&
      this.steppedDown === null &&
      this.candidacy === null &&
      !this.shutdownComplete
    );
  }

  take(): RaftEffects {
    if (this.isEmpty) return NO_RAFT_EFFECTS;
    const { persist, truncateTo, appended, writeSnapshot, flush, requests, answers, highWatermarkAdvancedTo, roleChanged, steppedDown, candidacy, shutdownComplete } = this;
    this.persist = this.truncateTo = this.appended = this.writeSnapshot = this.flush = null;
    this.highWatermarkAdvancedTo = this.roleChanged = this.steppedDown = this.candidacy = null;
    this.requests = [];
    this.answers = [];
    this.shutdownComplete = false;
    return { persist, truncateTo, append: appended, writeSnapshot, flush, requests, answers, highWatermarkAdvancedTo, roleChanged, steppedDown, candidacy, shutdownComplete };
  }
}
