import type { Mutation } from './mutated-machine.js';

/** Faults that a quorum could have. Each is planted into the source, and must be caught. */
export const MUTATIONS: readonly Mutation[] = [
  { name: 'votes twice in an epoch', file: 'vote-handling.ts', from: 'if (state.votedKey !== null) return isNamedBy(state.votedKey, candidate);', to: '' },
  { name: 'votes for a log that is behind', file: 'log-state.ts', from: 'return epoch !== this.lastEpoch ? epoch > this.lastEpoch : offset >= this.endOffset;', to: 'return true;' },
  { name: 'votes by the length of the log alone', file: 'log-state.ts', from: 'return epoch !== this.lastEpoch ? epoch > this.lastEpoch : offset >= this.endOffset;', to: 'return offset >= this.endOffset;' },
  { name: 'forgets its epoch and vote when it starts', file: 'role-at-start.ts', from: 'const remembered = core.options.quorumState;', to: 'const remembered = null as typeof core.options.quorumState;' },
  { name: 'forgets its vote when it starts', file: 'role-at-start.ts', from: 'remembered === null || remembered.votedId < 0 ?', to: 'remembered === null || remembered.votedId >= -1 ?' },
  { name: 'does not write its vote down', file: 'raft-core.ts', from: "if (state.role === 'unattached') this.become({ ...state, votedKey: candidate, electionDeadlineMs }, true);", to: "if (state.role === 'unattached') this.become({ ...state, votedKey: candidate, electionDeadlineMs }, false);" },
  { name: 'comes back from its own epoch as if it had not led', file: 'role-at-start.ts', from: 'leaderId === core.local.nodeId) {', to: 'leaderId === -7) {' },
  { name: 'commits entries of older epochs by themselves', file: 'leader-progress.ts', from: 'if (candidate <= this.epochStartOffset || candidate <= this.highWatermark) return false;', to: 'if (candidate <= this.highWatermark) return false;' },
  { name: 'commits with half of the voters', file: 'leader-progress.ts', from: 'const candidate = ends[Math.floor(ends.length / 2)] ?? -1;', to: 'const candidate = ends[Math.floor((ends.length - 1) / 2)] ?? -1;' },
  {
    name: 'counts itself before its log is durable',
    file: 'raft-machine.ts',
    from: 'this.core.log.appended(logEndOffset, this.core.epoch);',
    to: 'this.core.log.appended(logEndOffset, this.core.epoch);\n      if (this.core.state.progress.localFlushed(logEndOffset)) leaderHighWatermarkAdvanced(this.core, this.core.state);',
  },
  { name: 'fetches on before its log is durable', file: 'follower-fetches.ts', from: 'return !core.isInstalling && (core.log.flushedOffset === core.log.endOffset || !core.mustFlushBeforeFetch);', to: 'return !core.isInstalling;' },
  { name: 'lets a log that parts from its own go on', file: 'log-state.ts', from: "return end.epoch !== epoch || end.offset < offset ? { kind: 'diverging', place: end } : { kind: 'valid' };", to: "return end.offset < offset ? { kind: 'diverging', place: end } : { kind: 'valid' };" },
  { name: 'truncates to its high watermark', file: 'follower-fetches.ts', from: 'const offset = core.log.truncationOffset({ offset: diverging.endOffset, epoch: diverging.epoch });', to: 'const offset = Math.max(core.log.startOffset, core.highWatermark, 0 * diverging.epoch);' },
  { name: 'truncates to what the leader says alone', file: 'log-state.ts', from: 'return mine.epoch === diverging.epoch ? Math.min(mine.offset, diverging.offset) : mine.offset;', to: 'return Math.min(this.endOffset, diverging.offset);' },
  { name: 'serves a log from before its start', file: 'log-state.ts', from: 'if (latestSnapshot !== undefined && this.startOffset > 0) {', to: 'if (latestSnapshot !== undefined && this.startOffset < 0) {' },
  { name: 'keeps voters that were truncated', file: 'follower-fetches.ts', from: 'core.control.truncate(offset);', to: '' },
  { name: 'lets voters count when they are committed only', file: 'voter-changes.ts', from: '  leader.progress.setVoters(core.control.voters, nowMs);\n  if', to: '  if' },
  { name: 'changes voters while a change is not committed', file: 'voter-changes.ts', from: 'votersOffset === null || votersOffset >= highWatermark', to: 'votersOffset === null' },
  { name: 'changes voters before its epoch has committed anything', file: 'voter-changes.ts', from: 'const { highWatermark } = leader.progress;\n  if (highWatermark < 0) return', to: 'const { highWatermark } = core;\n  if (highWatermark < 0) return' },
  { name: 'takes a new disk for the old voter', file: 'replica-key.ts', from: 'return known.nodeId === replica.nodeId && (known.directoryId === ZERO_UUID || known.directoryId === replica.directoryId);', to: 'return known.nodeId === replica.nodeId;' },
  { name: 'takes more for committed than it has', file: 'follower-fetches.ts', from: 'core.advanceHighWatermark(Math.min(response.highWatermark, core.log.endOffset));', to: 'core.advanceHighWatermark(response.highWatermark);' },
  { name: 'does not stand for an election while only it knows that it leaves', file: 'raft-core.ts', from: 'return this.isVoter || this.control.isLeaving(this.local, this.highWatermark);', to: 'return this.isVoter;' },
  { name: 'leads on without a majority', file: 'role-timers.ts', from: "(nowMs >= state.progress.quorumDeadlineMs ? 'no fetches of a majority' : null)", to: 'null' },
  { name: 'never asks again for a vote', file: 'role-timers.ts', from: "return core.toProspective('election timeout', nowMs);\n      return sendVoteRequests(core, nowMs);\n    case 'prospective'", to: "return;\n      return sendVoteRequests(core, nowMs);\n    case 'prospective'" },
];
