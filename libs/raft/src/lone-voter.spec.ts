import { ZERO_UUID } from '@millrace/foundation';
import { DEFAULT_RAFT_SETTINGS, RaftMachine, staticVoters, type RaftMachineOptions, type Voter } from './index.js';

const DIRECTORY = 'bG9uZXZvdGVyZGlyZWN0MQ';
const LISTENERS = [{ name: 'CONTROLLER', host: 'localhost', port: 9093 }];
const BOOTSTRAP: Voter = { voterId: 1, voterDirectoryId: DIRECTORY, endpoints: LISTENERS, kRaftVersionFeature: { minSupportedVersion: 0, maxSupportedVersion: 1 } };

function options(overrides: Partial<RaftMachineOptions>): RaftMachineOptions {
  return {
    nodeId: 1,
    directoryId: DIRECTORY,
    clusterId: 'cluster',
    listenerName: 'CONTROLLER',
    localListeners: LISTENERS,
    canBecomeVoter: true,
    bootstrapServers: [],
    staticVoters: staticVoters([{ id: 1, host: 'localhost', port: 9093 }], 'CONTROLLER'),
    log: { logStartOffset: 0, logEndOffset: 0, lastEpoch: 0, snapshots: [], epochs: { endOffsetFor: () => null } },
    control: { voterSets: [], kRaftVersions: [] },
    quorumState: null,
    random: { integer: () => 0 },
    ...overrides,
  };
}

describe('a lone voter', () => {
  it('leads when it starts, persists that before it appends, and asks nobody', () => {
    const machine = new RaftMachine(options({}));
    const effects = machine.start(1000);
    expect(machine.role).toBe('leader');
    expect(effects.persist).toEqual({ dataVersion: 0, leaderId: 1, leaderEpoch: 1, votedId: -1, votedDirectoryId: ZERO_UUID, currentVoters: [{ voterId: 1 }] });
    const voter = { voterId: 1, voterDirectoryId: ZERO_UUID };
    expect(effects.append).toEqual({ kind: 'control', baseOffset: 0, leaderEpoch: 1, timestampMs: 1000, records: [{ type: 'leaderChange', version: 0, leaderId: 1, voters: [voter], grantingVoters: [voter] }] });
    expect(effects.requests).toEqual([]);
    expect(effects.highWatermarkAdvancedTo).toBeNull();
    expect(effects.roleChanged).toMatchObject({ role: 'leader', leaderId: 1, leaderEpoch: 1, epochStartOffset: 0 });
    expect(effects.candidacy).toEqual({ leaderEpoch: 1, reason: 'only voter' });
  });

  it('commits what is durable, and no more', () => {
    const machine = new RaftMachine(options({}));
    const { flush } = machine.start(0);
    if (flush === null) throw new Error('no flush');
    expect(machine.checkAppend(1)).toBeNull();
    const appended = machine.appended(5, 1);
    expect(appended.highWatermarkAdvancedTo).toBeNull();
    expect(machine.flushed(flush, 2).highWatermarkAdvancedTo).toBe(1);
    if (appended.flush === null) throw new Error('no flush');
    expect(machine.flushed(appended.flush, 3).highWatermarkAdvancedTo).toBe(5);
    expect(machine.checkAppend(0)).toBe('NOT_LEADER_OR_FOLLOWER');
  });

  it('takes a new epoch at each start, and never an epoch older than its log', () => {
    const log = { logStartOffset: 0, logEndOffset: 9, lastEpoch: 7, snapshots: [], epochs: { endOffsetFor: () => null } };
    const remembered = { dataVersion: 0 as const, leaderId: 1, leaderEpoch: 4, votedId: -1, votedDirectoryId: ZERO_UUID, currentVoters: [] };
    const machine = new RaftMachine(options({ log, quorumState: remembered }));
    expect(machine.start(0).persist).toMatchObject({ leaderId: 1, leaderEpoch: 8 });
  });

  it('writes the voters of the bootstrap snapshot into the log of its first epoch', () => {
    const control = { voterSets: [{ offset: -1, voters: [BOOTSTRAP] }], kRaftVersions: [{ offset: -1, kRaftVersion: 1 }] };
    const machine = new RaftMachine(options({ staticVoters: [], control }));
    const effects = machine.start(0);
    expect(effects.persist).toMatchObject({ dataVersion: 1, currentVoters: [] });
    expect(effects.append).toMatchObject({ records: [{ type: 'leaderChange' }, { type: 'kRaftVersion', kRaftVersion: 1 }, { type: 'voters', voters: [BOOTSTRAP] }] });
    expect(machine.controlStateAt(3)).toEqual({ kRaftVersion: 1, voters: [BOOTSTRAP] });
  });

  it('stops at once when it is asked to', () => {
    const machine = new RaftMachine(options({}));
    machine.start(0);
    expect(machine.shutdown(DEFAULT_RAFT_SETTINGS.requestTimeoutMs, 1).shutdownComplete).toBe(true);
  });
});
