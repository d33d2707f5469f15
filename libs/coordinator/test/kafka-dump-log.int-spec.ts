import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ZERO_UUID } from '@millrace/foundation';
import { nodeCodecs } from '@millrace/platform';
import { RecordBatchBuilder } from '@millrace/records';
import { peersMissing, runPeerTool, temporaryFolder } from '@millrace/testkit';
import { GROUP_CONFIG_DEFAULTS } from '../src/index.js';
import { GroupDriver } from './group-driver.js';

const missing = peersMissing();
const bytes = new TextEncoder();

(missing === undefined ? describe : describe.skip)(`Apache Kafka reads our group log${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  it('groups, offsets and tombstones', async () => {
    const driver = new GroupDriver({ ...GROUP_CONFIG_DEFAULTS, initialRebalanceDelayMs: 0 }, () => undefined);
    const groupId = 'g';
    const request = { groupId, memberId: '', groupInstanceId: 'i', protocolType: 'connect', protocols: [{ name: 'sessioned', metadata: bytes.encode('m') }], sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 60_000, reason: null };
    driver.run(driver.shard.joinGroup(driver.caller(1, 9), request));
    driver.advanceTo(driver.nowMs);
    const memberId = [...(driver.shard.group(groupId)?.members.keys() ?? [])][0] ?? '';
    driver.run(driver.shard.syncGroup(driver.caller(2, 5), { groupId, generationId: 1, memberId, groupInstanceId: 'i', protocolType: null, protocolName: null, assignments: [{ memberId, assignment: bytes.encode('a') }] }));
    const commit = (retentionTimeMs: number, committedOffset: number): void =>
      driver.run(
        driver.shard.offsetCommit(driver.caller(3, 9), {
          groupId,
          memberId,
          groupInstanceId: 'i',
          generationIdOrMemberEpoch: 1,
          retentionTimeMs,
          topics: [{ name: 't', topicId: ZERO_UUID, partitions: [{ partitionIndex: 3, committedOffset, committedLeaderEpoch: 5, committedMetadata: 'note' }] }],
        }),
      );
    commit(-1, 42);
    commit(1000, 43);
    driver.run(driver.shard.leaveGroup(driver.caller(4, 5), { groupId, memberId: '', members: [{ memberId: '', groupInstanceId: 'i', reason: null }] }));
    driver.run(driver.shard.deleteGroups(driver.caller(5, 2), { groupsNames: [groupId] }));
    const folder = temporaryFolder('group-log');
    try {
      const partition = join(folder.path, '__consumer_offsets-0');
      mkdirSync(partition);
      const file = join(partition, '00000000000000000000.log');
      const builder = new RecordBatchBuilder();
      for (const entry of driver.log) if ('key' in entry) builder.append(entry.key, entry.value, 1);
      writeFileSync(file, builder.build({ codecs: nodeCodecs, baseOffset: 0, leaderEpoch: 0 }));
      const { stdout, stderr } = await runPeerTool('kafka-dump-log', ['--offsets-decoder', '--files', file]);
      expect(stderr).toBe('');
      const lines = stdout.split('\n').filter((it) => it.includes(' key: '));
      expect(lines.map((it) => it.slice(it.indexOf('key: ')))).toEqual([
        `key: {"type":"2","data":{"group":"g"}} payload: {"version":"3","data":{"protocolType":"connect","generation":1,"protocol":"sessioned","leader":"${memberId}","currentStateTimestamp":1000000,"members":[{"memberId":"${memberId}","groupInstanceId":"i","clientId":"c","clientHost":"/127.0.0.1","rebalanceTimeout":60000,"sessionTimeout":10000,"subscription":"bQ==","assignment":"YQ=="}]}}`,
        'key: {"type":"1","data":{"group":"g","topic":"t","partition":3}} payload: {"version":"3","data":{"offset":42,"leaderEpoch":5,"metadata":"note","commitTimestamp":1000000}}',
        'key: {"type":"1","data":{"group":"g","topic":"t","partition":3}} payload: {"version":"1","data":{"offset":43,"metadata":"note","commitTimestamp":1000000,"expireTimestamp":1001000}}',
        'key: {"type":"2","data":{"group":"g"}} payload: {"version":"3","data":{"protocolType":"connect","generation":2,"protocol":null,"leader":null,"currentStateTimestamp":1000000,"members":[]}}',
        'key: {"type":"1","data":{"group":"g","topic":"t","partition":3}} payload: <DELETE>',
        'key: {"type":"2","data":{"group":"g"}} payload: <DELETE>',
      ]);
    } finally {
      folder.remove();
    }
  }, 60_000);
});
