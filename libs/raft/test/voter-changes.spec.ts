import { ZERO_UUID } from '@millrace/foundation';
import type { RaftRequest } from '../src/index.js';
import { directoryOf, fetched, granted, ScriptedNode } from './scripted-node.js';
import { endpointsOf, voterOf } from './simulated-node.js';

const add = (id: number, more: object = {}): RaftRequest => ({ api: 'addRaftVoter', clusterId: 'cluster', timeoutMs: 5000, voterId: id, voterDirectoryId: directoryOf(id), listeners: endpointsOf(id), ackWhenCommitted: true, ...more });
const remove = (id: number, more: object = {}): RaftRequest => ({ api: 'removeRaftVoter', clusterId: 'cluster', voterId: id, voterDirectoryId: directoryOf(id), ...more });
const versions = (maxSupportedVersion = 1) => ({ api: 'apiVersions', errorCode: 'NONE', supportedKRaftVersions: { minSupportedVersion: 0, maxSupportedVersion } }) as const;

/** Leads with the first records (leader change, kraft.version, voters) committed by 1 and 2, and the observer 4 caught up. */
function leader(): ScriptedNode {
  const node = new ScriptedNode({ isDynamic: true }).becomeLeader();
  node.fetchBy(2, 3);
  node.fetchBy(4, 3);
  return node;
}

function answersTo(node: ScriptedNode, api: string): object[] {
  return node.last.answers.map((it) => it.answer).filter((it) => it.api === api);
}

describe('a voter', () => {
  it('is added once it is known to be able to, counts from then on, and is answered when that is committed', () => {
    const node = leader();
    expect(node.hear(add(4))).toBeNull();
    expect(node.last.requests).toMatchObject([{ destination: { id: 4, host: '4' }, request: { api: 'apiVersions' } }]);
    const appended = node.reply(4, versions());
    expect(appended.append).toMatchObject({ baseOffset: 3, records: [{ type: 'voters', voters: [{ voterId: 1 }, { voterId: 2 }, { voterId: 3 }, { voterId: 4, voterDirectoryId: directoryOf(4) }] }] });
    expect(node.machine.voters.ids).toEqual([1, 2, 3, 4]);
    node.flushAll();
    node.fetchBy(2, 4);
    // Two of three were enough before; of four it takes three.
    expect(node.machine.highWatermark).toBe(3);
    node.fetchBy(4, 4);
    expect(node.last.highWatermarkAdvancedTo).toBe(4);
    expect(answersTo(node, 'addRaftVoter')).toEqual([{ api: 'addRaftVoter', errorCode: 'NONE', errorMessage: null }]);
  });

  it('is answered when it is appended, when that is what was asked', () => {
    const node = leader();
    node.hear(add(4, { ackWhenCommitted: false }));
    node.reply(4, versions());
    expect(answersTo(node, 'addRaftVoter')).toMatchObject([{ errorCode: 'NONE' }]);
  });

  it('that does not know the version, or is behind, or does not answer, is not added', () => {
    const node = leader();
    node.hear(add(4));
    node.reply(4, versions(0));
    expect(answersTo(node, 'addRaftVoter')).toMatchObject([{ errorCode: 'INVALID_REQUEST' }]);
    node.hear(add(5, { voterDirectoryId: directoryOf(4) }));
    node.reply(5, versions());
    expect(answersTo(node, 'addRaftVoter')).toMatchObject([{ errorCode: 'REQUEST_TIMED_OUT' }]);
    expect(node.hear(add(4))).toBeNull();
    expect(node.hear(remove(2))).toMatchObject({ errorCode: 'REQUEST_TIMED_OUT' });
    node.pass(2000);
    expect(answersTo(node, 'addRaftVoter')).toMatchObject([{ errorCode: 'REQUEST_TIMED_OUT' }]);
    expect(node.machine.voters.ids).toEqual([1, 2, 3]);
  });

  it('change is refused with the error that says why', () => {
    const node = new ScriptedNode({ isDynamic: true }).becomeLeader();
    expect(node.hear(add(4))).toMatchObject({ errorCode: 'REQUEST_TIMED_OUT' });
    node.fetchBy(2, 3);
    expect(node.hear(add(2))).toMatchObject({ errorCode: 'DUPLICATE_VOTER' });
    expect(node.hear(remove(2, { voterDirectoryId: directoryOf(3) }))).toMatchObject({ errorCode: 'VOTER_NOT_FOUND' });
    expect(node.hear(add(4, { listeners: [] }))).toMatchObject({ errorCode: 'INVALID_REQUEST' });
    expect(node.hear(add(4, { clusterId: 'another' }))).toMatchObject({ errorCode: 'INCONSISTENT_CLUSTER_ID' });
    const fixed = new ScriptedNode().becomeLeader();
    fixed.fetchBy(2, 1);
    expect(fixed.hear(add(4))).toMatchObject({ errorCode: 'UNSUPPORTED_VERSION' });
    expect(new ScriptedNode({ isDynamic: true }).hear(remove(2))).toMatchObject({ errorCode: 'NOT_LEADER_OR_FOLLOWER' });
  });

  it('beside one that led alone for long has a whole period to fetch', () => {
    const node = new ScriptedNode({ isDynamic: true, voterIds: [1] });
    node.flushAll();
    node.pass(60_000);
    node.fetchBy(2, 3);
    node.hear(add(2));
    node.reply(2, versions());
    expect([node.machine.role, node.machine.voters.ids]).toEqual(['leader', [1, 2]]);
    node.pass(2999);
    expect(node.machine.role).toBe('leader');
    node.pass(1);
    expect(node.machine.role).toBe('resigned');
  });

  it('is removed one at a time', () => {
    const node = leader();
    expect(node.hear(remove(3))).toBeNull();
    expect(node.machine.voters.ids).toEqual([1, 2]);
    expect(node.hear(remove(2))).toMatchObject({ errorCode: 'REQUEST_TIMED_OUT' });
    node.flushAll();
    node.fetchBy(2, 4);
    expect(answersTo(node, 'removeRaftVoter')).toMatchObject([{ errorCode: 'NONE' }]);
    expect(node.hear(remove(2))).toBeNull();
  });

  it('that leads leads on until its removal is committed by the others, then hands over', () => {
    const node = leader();
    node.hear(remove(1));
    node.flushAll();
    node.fetchBy(2, 4);
    expect([node.machine.role, node.machine.highWatermark]).toEqual(['leader', 3]);
    node.fetchBy(3, 4);
    expect(node.last.highWatermarkAdvancedTo).toBe(4);
    expect(answersTo(node, 'removeRaftVoter')).toMatchObject([{ errorCode: 'NONE' }]);
    expect(node.machine.role).toBe('resigned');
    expect(node.last.steppedDown).toEqual({ leaderEpoch: 1, reason: 'no voter any more', newer: null });
    expect(node.last.requests.map((it) => [it.destination.id, it.request.api])).toEqual([
      [2, 'endQuorumEpoch'],
      [3, 'endQuorumEpoch'],
    ]);
  });

  it('whose removal nobody else has may be elected, and finishes it', () => {
    const node = new ScriptedNode({ isDynamic: true, voterIds: [1, 2] }).becomeLeader();
    node.fetchBy(2, 3);
    node.hear(remove(1));
    expect(node.machine.voters.ids).toEqual([2]);
    // It dies before 2 has fetched the removal, so that the log of 2 is behind, and 2 needs the vote of 1.
    const quorumState = { dataVersion: 1 as const, leaderId: 1, leaderEpoch: 1, votedId: -1, votedDirectoryId: directoryOf(9), currentVoters: [] };
    const again = new ScriptedNode({ isDynamic: true, voterIds: [1, 2], log: node.log.entries, quorumState });
    expect([again.machine.role, again.machine.isVoter]).toEqual(['resigned', false]);
    again.pass(1000);
    again.reply(2, granted(2));
    again.reply(2, granted(3));
    expect([again.machine.role, again.machine.epoch]).toEqual(['leader', 3]);
    again.flushAll();
    again.fetchBy(2, 5);
    expect([again.machine.role, again.machine.highWatermark]).toEqual(['resigned', 5]);
    again.pass(1000);
    again.pass(5000);
    expect(again.machine.role).toBe('unattached');
  });

  it('that moved says so to the leader, which writes it down', () => {
    const node = leader();
    const moved = { api: 'updateRaftVoter', clusterId: 'cluster', currentLeaderEpoch: 1, voterId: 2, voterDirectoryId: directoryOf(2), listeners: [{ name: 'CONTROLLER', host: 'elsewhere', port: 9 }], kRaftVersionFeature: { minSupportedVersion: 0, maxSupportedVersion: 1 } } as const;
    expect(node.hear({ ...moved, voterId: 4, voterDirectoryId: directoryOf(4) })).toMatchObject({ errorCode: 'VOTER_NOT_FOUND' });
    expect(node.hear({ ...moved, kRaftVersionFeature: { minSupportedVersion: 2, maxSupportedVersion: 3 } })).toMatchObject({ errorCode: 'INVALID_REQUEST' });
    expect(node.hear(moved)).toMatchObject({ errorCode: 'NONE', leaderId: 1, leaderEpoch: 1 });
    expect(node.last.append).toMatchObject({ records: [{ type: 'voters', voters: [{ voterId: 1 }, { voterId: 2, endpoints: [{ host: 'elsewhere' }] }, { voterId: 3 }] }] });
  });

  it('is forgotten again when the log that names it is cut', () => {
    const node = new ScriptedNode({ isDynamic: true });
    node.hear({ api: 'beginQuorumEpoch', clusterId: 'cluster', voterId: 1, voterDirectoryId: directoryOf(1), leaderId: 2, leaderEpoch: 3, leaderEndpoints: endpointsOf(2) });
    const voters = [1, 2, 3, 4].map((id) => voterOf(id, directoryOf(id)));
    node.reply(2, fetched(2, 3, { batches: [{ baseOffset: 0, lastOffset: 0, leaderEpoch: 2, bytes: new Uint8Array(0), control: [{ offset: 0, record: { type: 'voters', version: 0, voters } }] }] }));
    expect(node.machine.voters.ids).toEqual([1, 2, 3, 4]);
    expect(node.machine.controlStateAt(0)).toEqual({ kRaftVersion: 1, voters: [1, 2, 3].map((id) => voterOf(id, directoryOf(id))) });
    node.flushAll();
    node.reply(2, fetched(2, 3, { divergingEpoch: { epoch: 0, endOffset: 0 } }));
    expect(node.machine.voters.ids).toEqual([1, 2, 3]);
  });
});

const SUPPORTED = { minSupportedVersion: 0, maxSupportedVersion: 1 };
const tell = (id: number, more: object = {}): RaftRequest => ({ api: 'updateRaftVoter', clusterId: 'cluster', currentLeaderEpoch: 1, voterId: id, voterDirectoryId: directoryOf(id), listeners: endpointsOf(id), kRaftVersionFeature: SUPPORTED, ...more });
const upgrade = (kRaftVersion = 1, validateOnly = false): RaftRequest => ({ api: 'upgradeKRaftVersion', kRaftVersion, validateOnly });
const followLeader = (node: ScriptedNode, id = 2, leaderEpoch = 3): void => {
  node.hear({ api: 'beginQuorumEpoch', clusterId: 'cluster', voterId: -1, voterDirectoryId: ZERO_UUID, leaderId: id, leaderEpoch, leaderEndpoints: endpointsOf(id) });
};
/** Fetches go on until the follower looks at its own place again. */
const wait = (node: ScriptedNode, id = 2, leaderEpoch = 3): void => {
  node.pass(1999);
  node.reply(id, fetched(id, leaderEpoch));
  node.pass(1);
  node.reply(id, fetched(id, leaderEpoch));
};
const told = { api: 'updateRaftVoter', topLevelError: 'NONE', errorCode: 'NONE', leaderId: 2, leaderEpoch: 3, leaderEndpoints: endpointsOf(2) } as const;

describe('static voters', () => {
  it('go into the log with their directories when the version is raised, which is answered when it is committed', () => {
    const node = new ScriptedNode().becomeLeader();
    expect(node.hear(upgrade())).toMatchObject({ errorCode: 'REQUEST_TIMED_OUT' });
    node.fetchBy(2, 1);
    expect(node.hear(upgrade())).toMatchObject({ errorCode: 'INVALID_UPDATE_VERSION', errorMessage: expect.stringContaining('Voters 2,3 ') as string });
    expect(node.hear(tell(2))).toMatchObject({ errorCode: 'NONE' });
    expect(node.hear(tell(4))).toMatchObject({ errorCode: 'VOTER_NOT_FOUND' });
    expect(node.hear(tell(3, { kRaftVersionFeature: { minSupportedVersion: 0, maxSupportedVersion: 0 } }))).toMatchObject({ errorCode: 'NONE' });
    expect(node.hear(upgrade())).toMatchObject({ errorMessage: expect.stringContaining('Voters 3 ') as string });
    node.hear(tell(3));
    expect(node.last.append).toBeNull();
    expect(node.hear(upgrade(2))).toMatchObject({ errorCode: 'INVALID_UPDATE_VERSION' });
    expect(node.hear(upgrade(1, true))).toMatchObject({ errorCode: 'NONE' });
    expect(node.machine.kRaftVersion).toBe(0);

    expect(node.hear(upgrade())).toBeNull();
    expect(node.last.append).toMatchObject({ kind: 'control', baseOffset: 1, records: [{ type: 'kRaftVersion', kRaftVersion: 1 }, { type: 'voters', voters: [1, 2, 3].map((id) => voterOf(id, directoryOf(id))) }] });
    node.flushAll();
    expect(node.machine.highWatermark).toBe(1);
    // The disk of another directory does not count any more.
    node.fetchBy(2, 3, { replicaDirectoryId: directoryOf(4) });
    expect(node.machine.highWatermark).toBe(1);
    node.fetchBy(2, 3);
    expect(answersTo(node, 'upgradeKRaftVersion')).toEqual([{ api: 'upgradeKRaftVersion', errorCode: 'NONE', errorMessage: null }]);
    expect(node.machine.highWatermark).toBe(3);
    expect(node.hear({ api: 'describeQuorum' })).toMatchObject({ currentVoters: [1, 2, 3].map((id) => ({ replicaId: id, replicaDirectoryId: directoryOf(id) })), observers: [{ replicaId: 2, replicaDirectoryId: directoryOf(4) }] });
    expect([node.hear(upgrade()), node.hear(upgrade(0))]).toMatchObject([{ errorCode: 'NONE' }, { errorCode: 'INVALID_UPDATE_VERSION' }]);
    node.hear(remove(3));
    expect(node.machine.voters.ids).toEqual([1, 2]);
  });

  it('tell each leader of themselves, once; one that is too old to care has been told', () => {
    const node = new ScriptedNode();
    followLeader(node);
    node.reply(2, fetched(2, 3));
    expect(node.sent.get(2)?.request).toMatchObject({ api: 'fetch' });
    wait(node);
    expect(node.sent.get(2)?.request).toEqual({ ...tell(1), currentLeaderEpoch: 3 });
    node.reply(2, { ...told, topLevelError: 'UNSUPPORTED_VERSION' });
    expect(node.sent.get(2)?.request).toMatchObject({ api: 'fetch' });
    wait(node);
    expect(node.sent.get(2)?.request).toMatchObject({ api: 'fetch' });
    followLeader(node, 3, 4);
    node.reply(3, fetched(3, 4));
    wait(node, 3, 4);
    expect(node.sent.get(3)?.request).toMatchObject({ api: 'updateRaftVoter', currentLeaderEpoch: 4 });
  });
});

describe('an observer that may join', () => {
  const observer = (voterIds: readonly number[], isJoiningByItself: boolean): ScriptedNode => {
    const node = new ScriptedNode({ isDynamic: true, voterIds, isJoiningByItself });
    followLeader(node);
    node.reply(2, fetched(2, 3));
    wait(node);
    return node;
  };

  it('asks to be added, as long as it is none of the voters', () => {
    const node = observer([2, 3], true);
    expect(node.sent.get(2)?.request).toEqual(add(1, { timeoutMs: 2000, ackWhenCommitted: false }));
    node.reply(2, { api: 'addRaftVoter', errorCode: 'REQUEST_TIMED_OUT', errorMessage: null });
    expect(node.sent.get(2)?.request).toMatchObject({ api: 'fetch' });
    wait(node);
    expect(node.sent.get(2)?.request).toMatchObject({ api: 'addRaftVoter' });
    const voters = [1, 2, 3].map((id) => voterOf(id, directoryOf(id)));
    node.reply(2, { api: 'addRaftVoter', errorCode: 'NONE', errorMessage: null });
    node.reply(2, fetched(2, 3, { batches: [{ baseOffset: 0, lastOffset: 0, leaderEpoch: 3, bytes: new Uint8Array(0), control: [{ offset: 0, record: { type: 'voters', version: 0, voters } }] }] }));
    node.flushAll();
    expect(node.machine.isVoter).toBe(true);
    wait(node);
    expect(node.sent.get(2)?.request).toMatchObject({ api: 'fetch' });
  });

  it('first asks to remove the voter of its id whose directory is another', () => {
    const node = new ScriptedNode({ isDynamic: true, isJoiningByItself: true, formerDirectory: directoryOf(4) });
    followLeader(node);
    node.reply(2, fetched(2, 3));
    wait(node);
    expect(node.sent.get(2)?.request).toEqual(remove(1, { voterDirectoryId: directoryOf(4) }));
  });

  it('does not ask unless it is told to', () => {
    expect(observer([2, 3], false).sent.get(2)?.request).toMatchObject({ api: 'fetch' });
  });
});
