import { ZERO_UUID } from '@millrace/foundation';
import { FaultyFileSystem } from '@millrace/testkit';
import { readTextFile, replaceFile } from '../fs/whole-file.js';
import { QuorumStateFile } from './quorum-state-file.js';

const STATE = { leaderId: 2, leaderEpoch: 7, votedId: -1, votedDirectoryId: ZERO_UUID };
const PATH = '/metadata/quorum-state';

describe('quorum-state', () => {
  let disk: FaultyFileSystem;
  let file: QuorumStateFile;
  beforeEach(() => {
    disk = new FaultyFileSystem();
    disk.makeFolder('/metadata');
    file = new QuorumStateFile(disk, '/metadata');
  });

  it('has the fields of Kafka’s version 0 while the quorum is static', async () => {
    expect(file.read()).toBeUndefined();
    await file.write({ ...STATE, dataVersion: 0, currentVoters: [{ voterId: 1 }, { voterId: 2 }] });
    expect(readTextFile(disk, PATH)).toBe('{"clusterId":"","leaderId":2,"leaderEpoch":7,"votedId":-1,"appliedOffset":0,"currentVoters":[{"voterId":1},{"voterId":2}],"data_version":0}');
    expect(file.read()).toEqual(STATE);
  });

  it('is version 1 when voters stand in the log, and keeps the directory that was voted for', async () => {
    const voted = { ...STATE, leaderId: -1, votedId: 3, votedDirectoryId: '9MMkE8kTQWqyMG4UbbY2UA' };
    await file.write({ ...voted, dataVersion: 1, currentVoters: [] });
    expect(readTextFile(disk, PATH)).toBe('{"leaderId":-1,"leaderEpoch":7,"votedId":3,"votedDirectoryId":"9MMkE8kTQWqyMG4UbbY2UA","data_version":1}');
    expect(file.read()).toEqual(voted);
  });

  it.each(['', '{}', '{"leaderId":1,"leaderEpoch":1,"votedId":1,"data_version":2}', '{"leaderId":"1","leaderEpoch":1,"votedId":1,"data_version":1}'])('is not guessed at: %j', (text) => {
    replaceFile(disk, PATH, Buffer.from(text));
    expect(() => file.read()).toThrow(expect.objectContaining({ code: 'INVALID_QUORUM_STATE' }));
  });
});
