import { ZERO_UUID } from '@millrace/foundation';
import type { CandidacyReason, StepDown } from '../src/index.js';
import { directoryOf, fetched, granted, ScriptedNode, vote } from './scripted-node.js';
import { endpointsOf } from './simulated-node.js';

const begin = (leaderId: number, leaderEpoch: number) =>
  ({ api: 'beginQuorumEpoch', clusterId: 'cluster', voterId: 1, voterDirectoryId: ZERO_UUID, leaderId, leaderEpoch, leaderEndpoints: endpointsOf(leaderId) }) as const;
const end = (preferred: readonly number[]) =>
  ({ api: 'endQuorumEpoch', clusterId: 'cluster', leaderId: 2, leaderEpoch: 1, preferredCandidates: preferred.map((candidateId) => ({ candidateId, candidateDirectoryId: ZERO_UUID })), leaderEndpoints: endpointsOf(2) }) as const;
const remembered = { dataVersion: 0 as const, leaderId: -1, leaderEpoch: 7, votedId: -1, votedDirectoryId: ZERO_UUID, currentVoters: [] };

describe('a vote', () => {
  it('is given once per epoch, written down before the answer, to the same candidate again', () => {
    const node = new ScriptedNode();
    expect(node.hear(vote({ replicaEpoch: 3 }))).toMatchObject({ errorCode: 'NONE', voteGranted: true, leaderEpoch: 3, leaderId: -1 });
    expect(node.last.persist).toMatchObject({ leaderEpoch: 3, votedId: 2 });
    expect(node.hear(vote({ replicaEpoch: 3, replicaId: 3, replicaDirectoryId: directoryOf(3) }))).toMatchObject({ voteGranted: false });
    expect(node.hear(vote({ replicaEpoch: 3 }))).toMatchObject({ voteGranted: true });
    expect(node.last.persist).toBeNull();
  });

  it.each([
    [2, 5, false],
    [3, 1, true],
    [2, 9, false],
    [2, 10, true],
    [1, 50, false],
  ])('for a log that ends with epoch %i at %i, mine ends with epoch 2 at 10: %s', (lastOffsetEpoch, lastOffset, voteGranted) => {
    const node = new ScriptedNode({ epochs: [1, 1, 1, 1, 1, 2, 2, 2, 2, 2] });
    expect(node.hear(vote({ replicaEpoch: 4, lastOffsetEpoch, lastOffset }))).toMatchObject({ errorCode: 'NONE', voteGranted });
    // The epoch is the newest that was heard of, vote or not.
    expect(node.machine.epoch).toBe(4);
  });

  it('is refused with the error that says why', () => {
    const node = new ScriptedNode({ quorumState: remembered });
    expect(node.hear(vote({ replicaEpoch: 6 }))).toMatchObject({ errorCode: 'FENCED_LEADER_EPOCH', leaderEpoch: 7, voteGranted: false });
    expect(node.hear(vote({ clusterId: 'another' }))).toMatchObject({ topLevelError: 'INCONSISTENT_CLUSTER_ID' });
    expect(node.hear(vote({ replicaEpoch: 8, lastOffsetEpoch: 8 }))).toMatchObject({ errorCode: 'INVALID_REQUEST' });
    expect(node.hear(vote({ replicaEpoch: 8, lastOffset: -1 }))).toMatchObject({ errorCode: 'INVALID_REQUEST' });
    expect(node.hear(vote({ replicaEpoch: 8, voterId: 3 }))).toMatchObject({ errorCode: 'INVALID_VOTER_KEY', leaderEpoch: 8 });
    expect(node.hear(vote({ replicaEpoch: 8, voterId: 1, voterDirectoryId: directoryOf(3) }))).toMatchObject({ errorCode: 'INVALID_VOTER_KEY' });
  });

  it('asked beforehand changes nothing, and may be of the epoch of the last record', () => {
    const node = new ScriptedNode({ quorumState: remembered, epochs: [7] });
    expect(node.hear(vote({ replicaEpoch: 7, lastOffsetEpoch: 7, lastOffset: 1, preVote: true }))).toMatchObject({ errorCode: 'NONE', voteGranted: true });
    expect(node.last.persist).toBeNull();
    expect(node.machine.votedKey).toBeNull();
  });

  it('asked beforehand is refused by a follower once it has fetched', () => {
    const node = new ScriptedNode();
    node.hear(begin(2, 1));
    expect(node.machine.role).toBe('follower');
    expect(node.hear(vote({ replicaId: 3, preVote: true }))).toMatchObject({ voteGranted: true });
    node.reply(2, fetched(2, 1));
    expect(node.hear(vote({ replicaId: 3, preVote: true }))).toMatchObject({ voteGranted: false, leaderId: 2 });
  });
});

describe('an election', () => {
  it('begins with pre-votes after the timeout, then raises the epoch, then leads', () => {
    const node = new ScriptedNode();
    expect(node.pass(249).requests.filter((it) => it.request.api === 'vote')).toEqual([]);
    const asked = node.pass(1).requests.map((it) => it.request);
    expect(asked).toMatchObject([{ api: 'vote', preVote: true, replicaEpoch: 0, voterId: 2 }, { preVote: true, voterId: 3 }]);
    const candidate = node.reply(3, granted(0));
    expect(candidate.persist).toMatchObject({ leaderEpoch: 1, votedId: 1, leaderId: -1 });
    expect(candidate.requests.map((it) => it.request)).toMatchObject([{ preVote: false, replicaEpoch: 1 }, { preVote: false, replicaEpoch: 1 }]);
    const leader = node.reply(2, granted(1));
    expect(leader.persist).toMatchObject({ leaderEpoch: 1, leaderId: 1 });
    expect(leader.append).toMatchObject({ baseOffset: 0, records: [{ type: 'leaderChange', leaderId: 1, grantingVoters: [{ voterId: 1 }, { voterId: 2 }] }] });
    expect(leader.requests.map((it) => it.request.api)).toEqual(['beginQuorumEpoch', 'beginQuorumEpoch']);
  });

  it('waits for a whole timeout where there may have been a leader', () => {
    const node = new ScriptedNode({ quorumState: remembered });
    expect(node.pass(999).requests.filter((it) => it.request.api === 'vote')).toEqual([]);
    expect(node.pass(1).requests.filter((it) => it.request.api === 'vote')).toHaveLength(2);
  });

  it('does not count a vote of an election before', () => {
    const node = new ScriptedNode();
    node.pass(1000);
    const early = node.sent.get(2);
    node.reply(3, granted(0));
    if (early === undefined) throw new Error('nothing was sent');
    node.machine.response(early.correlationId, granted(1), node.nowMs);
    expect(node.machine.role).toBe('candidate');
  });

  it('that is lost beforehand raises no epoch', () => {
    const node = new ScriptedNode();
    node.pass(1000);
    node.reply(2, granted(0, false));
    node.reply(3, granted(0, false));
    expect([node.machine.role, node.machine.epoch]).toEqual(['unattached', 0]);
  });

  it('goes without pre-votes when a voter does not know them', () => {
    const node = new ScriptedNode();
    node.pass(1000);
    const sent = node.sent.get(2);
    if (sent === undefined) throw new Error('nothing was sent');
    node.machine.requestFailed(sent.correlationId, 'unsupported_version', node.nowMs);
    expect([node.machine.role, node.machine.epoch]).toEqual(['candidate', 1]);
  });
});

describe('a leader', () => {
  it('resigns without fetches of a majority for one and a half fetch timeouts, names who should be next, and never leads that epoch again', () => {
    const node = new ScriptedNode().becomeLeader();
    node.pass(2000);
    node.fetchBy(3, 1);
    node.pass(2999);
    expect(node.machine.role).toBe('leader');
    // The vote that elected it and the fetch of 3 were a majority; since then nobody has fetched.
    const effects = node.pass(1);
    expect(node.machine.role).toBe('resigned');
    expect(effects.persist).toBeNull();
    expect(effects.requests.map((it) => it.request)).toMatchObject([
      { api: 'endQuorumEpoch', leaderEpoch: 1, preferredCandidates: [{ candidateId: 3 }, { candidateId: 2 }] },
      { api: 'endQuorumEpoch', leaderEpoch: 1 },
    ]);
    node.pass(1000);
    expect([node.machine.role, node.machine.epoch]).toEqual(['prospective', 2]);
  });

  it('comes back from a crash as resigned, and votes for nobody in its epoch', () => {
    const node = new ScriptedNode({ quorumState: { ...remembered, leaderId: 1 } });
    expect(node.machine.role).toBe('resigned');
    expect(node.hear(vote({ replicaEpoch: 7 }))).toMatchObject({ voteGranted: false });
    expect(node.hear(vote({ replicaEpoch: 8 }))).toMatchObject({ voteGranted: true });
  });

  it('tells again who has not fetched, every half fetch timeout', () => {
    const node = new ScriptedNode().becomeLeader();
    node.fetchBy(2, 1);
    node.reply(3, { api: 'beginQuorumEpoch', topLevelError: 'NONE', errorCode: 'NONE', leaderId: 1, leaderEpoch: 1, leaderEndpoints: [] });
    const effects = node.pass(1000);
    expect(effects.requests.map((it) => [it.destination.id, it.request.api])).toEqual([[3, 'beginQuorumEpoch']]);
  });

  it('gives way to a newer epoch, and tells so who waits', () => {
    const node = new ScriptedNode().becomeLeader();
    expect(node.fetchBy(2, 1)).toBeNull();
    node.hear(begin(3, 5));
    expect(node.last.answers.map((it) => it.answer)).toMatchObject([
      { api: 'fetch', errorCode: 'NOT_LEADER_OR_FOLLOWER', leaderId: 3, leaderEpoch: 5 },
      { api: 'beginQuorumEpoch', errorCode: 'NONE', leaderId: 3 },
    ]);
    expect(node.last.persist).toMatchObject({ leaderEpoch: 5, leaderId: 3 });
  });
});

describe('the end of an epoch', () => {
  it.each([
    [[1, 3], 0],
    [[3, 1], 500],
    [[3, 2, 1], 500],
    [[3], 1000],
  ])('with the candidates %j makes node 1 ask after %i ms', (preferred, ms) => {
    const node = new ScriptedNode();
    node.hear(begin(2, 1));
    expect(node.hear(end(preferred))).toMatchObject({ errorCode: 'NONE' });
    if (ms > 0) {
      node.pass(ms - 1);
      expect(node.machine.role).toBe('follower');
      node.pass(1);
    }
    expect(node.machine.role).toBe('prospective');
  });

  it('of a leader that contradicts the known one is refused', () => {
    const node = new ScriptedNode();
    node.hear(begin(2, 1));
    expect(node.hear(begin(3, 1))).toMatchObject({ errorCode: 'INVALID_REQUEST', leaderId: 2 });
  });
});

describe('operators are told', () => {
  it.each<[string, (node: ScriptedNode) => unknown, StepDown | null]>([
    ['no majority fetched', (node) => node.pass(3000), { leaderEpoch: 1, reason: 'no fetches of a majority', newer: null }],
    ['another leads a newer epoch', (node) => node.hear(begin(3, 5)), { leaderEpoch: 1, reason: 'newer epoch', newer: { leaderId: 3, leaderEpoch: 5 } }],
    ['another stands for election', (node) => node.hear(vote({ replicaEpoch: 2 })), { leaderEpoch: 1, reason: 'newer epoch', newer: { leaderId: -1, leaderEpoch: 2 } }],
    ['its controller resigns', (node) => node.run((machine, nowMs) => machine.resign(1, nowMs)), { leaderEpoch: 1, reason: 'controller resigned', newer: null }],
    ['its node stops', (node) => node.run((machine, nowMs) => machine.shutdown(1000, nowMs)), { leaderEpoch: 1, reason: 'shutdown', newer: null }],
    ['a majority fetched in time', (node) => (node.fetchBy(2, 1), node.pass(2998)), null],
  ])('why a leader steps down: %s', (_, happens, steppedDown) => {
    const node = new ScriptedNode().becomeLeader();
    happens(node);
    expect(node.last.steppedDown).toEqual(steppedDown);
    node.pass(1);
    expect(node.last.steppedDown).toBeNull();
  });

  it.each<[string, (node: ScriptedNode) => unknown, CandidacyReason]>([
    ['no leader is known', (node) => node.pass(1000), 'election timeout'],
    ['the leader does not answer', (node) => (node.hear(begin(2, 1)), node.pass(2000)), 'fetch timeout'],
    ['the leader resigns', (node) => (node.hear(begin(2, 1)), node.hear(end([1, 3]))), 'leader resigned'],
    ['an election came to nothing', (node) => (node.hear(begin(2, 1)), node.pass(2000), node.reply(3, granted(1)), node.pass(1000)), 'election timeout'],
  ])('why a voter stands for election: %s', (_, happens, reason) => {
    const node = new ScriptedNode();
    happens(node);
    expect(node.machine.role).toBe('prospective');
    expect(node.last.candidacy).toBeNull();
    node.reply(3, granted(node.machine.epoch));
    expect(node.last.candidacy).toEqual({ leaderEpoch: node.machine.epoch, reason });
  });
});
