import { ZERO_UUID } from '@millrace/foundation';
import { ErrorCode } from '@millrace/protocol';
import { GroupCoordinator, GROUP_CONFIG_DEFAULTS } from '../index.js';

const random = { bytes: (length: number) => new Uint8Array(length), integer: () => 0 };
const caller = { token: 1, apiVersion: 8, clientId: 'c', clientHost: '/127.0.0.1', nowMs: 5 };
const commit = {
  groupId: 'g',
  generationIdOrMemberEpoch: -1,
  memberId: '',
  groupInstanceId: null,
  retentionTimeMs: -1,
  topics: [{ name: 't', topicId: ZERO_UUID, partitions: [{ partitionIndex: 0, committedOffset: 1, committedLeaderEpoch: -1, committedMetadata: null }] }],
};

function loaded(): GroupCoordinator {
  const shard = new GroupCoordinator({ config: GROUP_CONFIG_DEFAULTS, random });
  shard.loaded(0);
  return shard;
}

describe('GroupCoordinator', () => {
  it('takes no input before it is loaded, after it is unloaded, or while an append is not settled', () => {
    expect(() => new GroupCoordinator({ config: GROUP_CONFIG_DEFAULTS, random }).offsetCommit(caller, commit)).toThrow(/the shard is loading/);
    const shard = loaded();
    shard.offsetCommit(caller, commit);
    expect(() => shard.offsetCommit(caller, commit)).toThrow(/waits to hear/);
    shard.unload();
    expect(() => shard.offsetCommit(caller, commit)).toThrow(/the shard is unloaded/);
  });

  it('may be unloaded by the very append that is on: the append then changes nothing, or is answered as refused', () => {
    for (const isRefused of [false, true]) {
      const shard = loaded();
      const effects = shard.offsetCommit(caller, commit);
      shard.unload();
      if (!isRefused) shard.appended(effects, 0);
      else {
        const { replies } = shard.appendFailed(effects, ErrorCode.KAFKA_STORAGE_ERROR, 5);
        expect(replies).toMatchObject([{ token: 1, api: 'OffsetCommit', response: { topics: [{ partitions: [{ errorCode: ErrorCode.NOT_COORDINATOR }] }] } }]);
      }
      expect(shard.committedOffsets.get('g', 't', 0)).toBeUndefined();
    }
  });

  it('refuses effects that it did not ask about', () => {
    const shard = loaded();
    const effects = shard.offsetCommit(caller, commit);
    shard.appended(effects, 0);
    expect(() => shard.appended(effects, 1)).toThrow(/not the ones/);
  });
});
