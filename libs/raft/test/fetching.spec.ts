import { batch, directoryOf, fetched, ScriptedNode } from './scripted-node.js';
import { endpointsOf } from './simulated-node.js';

const begin = (leaderId: number, leaderEpoch: number) =>
  ({ api: 'beginQuorumEpoch', clusterId: 'cluster', voterId: 1, voterDirectoryId: directoryOf(1), leaderId, leaderEpoch, leaderEndpoints: endpointsOf(leaderId) }) as const;

function follower(epochs: readonly number[] = []): ScriptedNode {
  const node = new ScriptedNode({ epochs });
  node.hear(begin(2, 5));
  return node;
}

describe('a leader that is fetched from', () => {
  it('commits what a majority holds, beyond the start of its epoch only', () => {
    const node = new ScriptedNode({ epochs: [1, 1] }).becomeLeader();
    expect(node.fetchBy(2, 2)).toMatchObject({ read: { fromOffset: 2, upTo: 3 }, highWatermark: -1 });
    expect(node.last.highWatermarkAdvancedTo).toBeNull();
    expect(node.fetchBy(2, 3)).toBeNull();
    expect(node.last.highWatermarkAdvancedTo).toBe(3);
  });

  it('does not count itself before its log is durable', () => {
    const node = new ScriptedNode().becomeLeader();
    node.fetchBy(2, 1);
    node.appendRecords(2);
    expect(node.fetchBy(2, 3)).toBeNull();
    expect(node.last.highWatermarkAdvancedTo).toBeNull();
    expect(node.flushAll().highWatermarkAdvancedTo).toBe(3);
  });

  it('does not count an observer', () => {
    const node = new ScriptedNode().becomeLeader();
    node.fetchBy(4, 1);
    expect(node.machine.highWatermark).toBe(-1);
    expect(node.hear({ api: 'describeQuorum' })).toMatchObject({ leaderId: 1, currentVoters: [{ replicaId: 1 }, { replicaId: 2, logEndOffset: -1 }, { replicaId: 3 }], observers: [{ replicaId: 4, logEndOffset: 1 }] });
  });

  it('parks a fetch until there is a record, or its time is over', () => {
    const node = new ScriptedNode().becomeLeader();
    expect(node.fetchBy(2, 1)).toBeNull();
    expect(node.appendRecords(1).answers.map((it) => it.answer)).toMatchObject([{ api: 'fetch', errorCode: 'NONE', read: { fromOffset: 1, upTo: 2 } }]);
    expect(node.fetchBy(3, 2)).toBeNull();
    expect(node.machine.nextTickMs - node.nowMs).toBeLessThanOrEqual(500);
    expect(node.pass(500).answers.map((it) => it.answer)).toMatchObject([{ api: 'fetch', errorCode: 'NONE', read: null }]);
  });

  it('answers a parked fetch when the high watermark moves on from what it knows (v18), and not when it does not say', () => {
    const node = new ScriptedNode().becomeLeader();
    expect(node.fetchBy(2, 1, { highWatermark: -1 })).toMatchObject({ highWatermark: 1, read: null });
    expect(node.fetchBy(3, 1, { highWatermark: 1 })).toBeNull();
    expect(node.fetchBy(3, 1)).toBeNull();
  });

  it('refuses with the error that says why', () => {
    const node = new ScriptedNode().becomeLeader();
    expect(node.fetchBy(2, 0, { currentLeaderEpoch: 0 })).toMatchObject({ errorCode: 'FENCED_LEADER_EPOCH', leaderId: 1, leaderEpoch: 1 });
    expect(node.fetchBy(2, 0, { currentLeaderEpoch: 2 })).toMatchObject({ errorCode: 'UNKNOWN_LEADER_EPOCH' });
    expect(node.fetchBy(2, 0, { clusterId: 'another' })).toMatchObject({ topLevelError: 'INCONSISTENT_CLUSTER_ID' });
    expect(node.fetchBy(2, -1)).toMatchObject({ errorCode: 'INVALID_REQUEST' });
    expect(node.fetchBy(2, 1, { lastFetchedEpoch: 2 })).toMatchObject({ errorCode: 'INVALID_REQUEST' });
    expect(follower().fetchBy(3, 0)).toMatchObject({ errorCode: 'NOT_LEADER_OR_FOLLOWER', leaderId: 2, leaderEpoch: 5 });
  });

  it.each([
    [7, 1, { epoch: 1, endOffset: 3 }],
    [4, 1, { epoch: 1, endOffset: 3 }],
    [6, 3, { epoch: 2, endOffset: 5 }],
    [3, 1, null],
    [5, 2, null],
  ])('says where a log that ends at %i with epoch %i parts from its own', (fetchOffset, lastFetchedEpoch, divergingEpoch) => {
    const node = new ScriptedNode({ epochs: [1, 1, 1, 2, 2, 4, 4] }).becomeLeader();
    expect(node.fetchBy(2, fetchOffset, { lastFetchedEpoch, maxWaitMs: 0 })).toMatchObject({ errorCode: 'NONE', divergingEpoch });
  });

  it('sends who is behind its log to the snapshot, and serves that by position', () => {
    const node = new ScriptedNode({ epochs: [1, 1, 1, 2, 2] }).becomeLeader();
    const snapshot = { offset: 4, epoch: 2, sizeInBytes: 100 };
    node.machine.snapshotsChanged({ logStartOffset: 4, snapshots: [snapshot] }, node.nowMs);
    expect(node.fetchBy(2, 2, { lastFetchedEpoch: 1 })).toMatchObject({ snapshotId: { endOffset: 4, epoch: 2 }, read: null });
    const ask = { api: 'fetchSnapshot', clusterId: 'cluster', replicaId: 2, replicaDirectoryId: directoryOf(2), maxBytes: 60, currentLeaderEpoch: 3, snapshotId: { endOffset: 4, epoch: 2 }, position: 60 } as const;
    expect(node.hear(ask)).toMatchObject({ errorCode: 'NONE', size: 100, position: 60, read: { maxBytes: 60 } });
    expect(node.hear({ ...ask, position: 100 })).toMatchObject({ errorCode: 'POSITION_OUT_OF_RANGE' });
    expect(node.hear({ ...ask, snapshotId: { endOffset: 3, epoch: 1 } })).toMatchObject({ errorCode: 'SNAPSHOT_NOT_FOUND' });
    expect(node.hear({ ...ask, currentLeaderEpoch: 2 })).toMatchObject({ errorCode: 'FENCED_LEADER_EPOCH' });
  });
});

describe('a follower', () => {
  it('fetches on only when what it has is durable', () => {
    const node = follower();
    const effects = node.reply(2, fetched(2, 5, { batches: [batch(0, 3), batch(1, 5, 2)], highWatermark: 9 }));
    expect(effects).toMatchObject({ append: { kind: 'fetched' }, flush: { endOffset: 3 }, requests: [], highWatermarkAdvancedTo: 3 });
    expect(node.flushAll().requests).toMatchObject([{ destination: { id: 2, host: '2' }, request: { fetchOffset: 3, lastFetchedEpoch: 5, currentLeaderEpoch: 5, highWatermark: 3 } }]);
  });

  it('leaves out batches that do not follow, or are of an epoch to come', () => {
    const node = follower([1]);
    node.reply(2, fetched(2, 5, { batches: [batch(1, 2), batch(2, 6)] }));
    expect(node.machine.logEndOffset).toBe(2);
  });

  it('cuts its log to where both agree', () => {
    const node = follower([1, 1, 2, 2, 3]);
    expect(node.reply(2, fetched(2, 5, { divergingEpoch: { epoch: 2, endOffset: 9 } }))).toMatchObject({ truncateTo: 4, requests: [{ request: { fetchOffset: 4, lastFetchedEpoch: 2 } }] });
    expect(node.reply(2, fetched(2, 5, { divergingEpoch: { epoch: 1, endOffset: 1 } }))).toMatchObject({ truncateTo: 1, requests: [{ request: { fetchOffset: 1, lastFetchedEpoch: 1 } }] });
  });

  it('never cuts what is committed', () => {
    const node = follower([1, 1]);
    node.reply(2, fetched(2, 5, { highWatermark: 2 }));
    expect(() => node.reply(2, fetched(2, 5, { divergingEpoch: { epoch: 1, endOffset: 1 } }))).toThrow('below the high watermark 2');
  });

  it('fetches a snapshot part by part, and goes on from its end', () => {
    const node = follower();
    expect(node.reply(2, fetched(2, 5, { snapshotId: { endOffset: 40, epoch: 4 } })).requests).toMatchObject([{ request: { api: 'fetchSnapshot', snapshotId: { endOffset: 40, epoch: 4 }, position: 0 } }]);
    const part = (position: number, length: number) =>
      ({ api: 'fetchSnapshot', topLevelError: 'NONE', errorCode: 'NONE', leaderId: 2, leaderEpoch: 5, leaderEndpoints: [], snapshotId: { endOffset: 40, epoch: 4 }, position, size: 70, bytes: new Uint8Array(length) }) as const;
    expect(node.reply(2, part(0, 50))).toMatchObject({ writeSnapshot: { position: 0, isLast: false }, requests: [{ request: { position: 50 } }] });
    expect(node.reply(2, part(50, 20))).toMatchObject({ writeSnapshot: { position: 50, isLast: true }, requests: [] });
    expect(() => node.machine.tick(node.nowMs)).toThrow('put in place before anything else');
    const effects = node.machine.snapshotInstalled({ snapshotId: { offset: 40, epoch: 4 }, sizeInBytes: 70, kRaftVersion: 0, voters: null }, node.nowMs);
    expect(effects).toMatchObject({ highWatermarkAdvancedTo: 40, requests: [{ request: { api: 'fetch', fetchOffset: 40, lastFetchedEpoch: 4 } }] });
  });

  it('asks for an election when it could not fetch for the fetch timeout', () => {
    const node = follower();
    node.pass(1999);
    expect(node.machine.role).toBe('follower');
    node.pass(1);
    expect(node.machine.role).toBe('prospective');
  });
});

describe('a node without a leader', () => {
  it('asks whom it knows, and does not press who knows nothing', () => {
    const node = new ScriptedNode();
    const asked = (): number[] => node.last.requests.map((it) => it.destination.id);
    const knowsNothing = fetched(-1, 0, { errorCode: 'NOT_LEADER_OR_FOLLOWER', leaderEndpoints: [] });
    expect(asked()).toEqual([2]);
    node.reply(2, knowsNothing);
    expect(asked()).toEqual([3]);
    node.reply(3, knowsNothing);
    expect(asked()).toEqual([]);
    expect(node.machine.nextTickMs).toBe(20);
    node.pass(20);
    expect(asked()).toEqual([2]);
  });
});
