import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ByteWriter } from '@millrace/foundation';
import { nodeCodecs } from '@millrace/platform';
import { encodeMetadataRecord, LeaderChangeMessage } from '@millrace/protocol';
import { buildControlBatch, RecordBatchBuilder } from '@millrace/records';
import { peersMissing, runPeerTool, temporaryFolder } from '@millrace/testkit';
import { imageRecords, leaderChangeMessage } from '../src/index.js';
import { TestCluster } from './test-cluster.js';

const missing = peersMissing();

/** Batches of a metadata log: the leader's control record, then one batch of records. */
function segment(values: readonly Uint8Array[]): Uint8Array {
  const writer = new ByteWriter();
  LeaderChangeMessage.encode(writer, leaderChangeMessage(1, [1]), 0);
  const control = buildControlBatch([{ type: 'leaderChange', value: writer.take() }], { codecs: nodeCodecs, timestampMs: 1, baseOffset: 0, leaderEpoch: 1 });
  const builder = new RecordBatchBuilder();
  for (const value of values) builder.append(null, value, 1);
  return Buffer.concat([control, builder.build({ codecs: nodeCodecs, baseOffset: 1, leaderEpoch: 1 })]);
}

(missing === undefined ? describe : describe.skip)(`Apache Kafka reads our metadata log${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  it('record by record', async () => {
    const cluster = new TestCluster();
    cluster.start(1, 2);
    cluster.create({ name: 'orders', numPartitions: 2, replicationFactor: 2, configs: [{ name: 'retention.ms', value: '1000' }] });
    cluster.heartbeat(2, { wantFence: true });
    cluster.run(cluster.controller.allocateProducerIds({ brokerId: 1, brokerEpoch: cluster.controller.image.broker(1)?.epoch ?? -1 }));
    cluster.run(
      cluster.controller.registerController({ controllerId: 9, incarnationId: 'controllerAAAAAAAAAAAA', zkMigrationReady: false, listeners: [{ name: 'CONTROLLER', host: 'localhost', port: 9093, securityProtocol: 0 }], features: [] }),
    );
    cluster.create({ name: 'waiting', assignments: [{ partitionIndex: 0, brokerIds: [2, 1] }], configs: [{ name: 'min.insync.replicas', value: '2' }] });
    cluster.heartbeat(1, { wantFence: true });
    cluster.run(cluster.controller.incrementalAlterConfigs({ resources: [{ resourceType: 2, resourceName: 'waiting', configs: [{ name: 'min.insync.replicas', configOperation: 0, value: '1' }] }], validateOnly: false }));
    cluster.heartbeat(1);
    cluster.heartbeat(1, { wantFence: true });
    cluster.run(cluster.controller.alterPartitionReassignments({ timeoutMs: 1, allowReplicationFactorChange: true, topics: [{ name: 'orders', partitions: [{ partitionIndex: 0, replicas: [2] }] }] }));
    cluster.heartbeat(1);
    cluster.create({ name: 'gone' });
    const topicId = cluster.controller.image.topic('gone')?.topicId ?? '';
    cluster.run(cluster.controller.deleteTopics({ topics: [{ name: null, topicId }], topicNames: [], timeoutMs: 1 }));
    const featureUpdates = [{ feature: 'metadata.version', maxVersionLevel: 30, allowDowngrade: false, upgradeType: 1 }];
    cluster.run(cluster.controller.registerController({ controllerId: 9, incarnationId: 'controllerAAAAAAAAAAAA', zkMigrationReady: false, listeners: [], features: [{ name: 'metadata.version', minSupportedVersion: 7, maxSupportedVersion: 30 }] }));
    expect(cluster.run(cluster.controller.updateFeatures({ timeoutMs: 1, validateOnly: false, featureUpdates })).errorCode).toBe(0);
    cluster.heartbeat(1, { cordonedLogDirs: ['directory1AAAAAAAAAAAA'] });
    cluster.heartbeat(2, { cordonedLogDirs: [] });
    const snapshot = imageRecords(cluster.follower).map((record) => {
      const writer = new ByteWriter();
      encodeMetadataRecord(writer, record);
      return writer.take();
    });
    const values = [...cluster.log, ...snapshot];
    const folder = temporaryFolder('metadata-log');
    try {
      const partition = join(folder.path, '__cluster_metadata-0');
      mkdirSync(partition);
      const file = join(partition, '00000000000000000000.log');
      writeFileSync(file, segment(values));
      const { stdout, stderr } = await runPeerTool('kafka-dump-log', ['--cluster-metadata-decoder', '--files', file]);
      expect(stderr).toBe('');
      expect(stdout).not.toMatch(/isvalid: false|Could not decode|unable/i);
      expect(stdout).toMatch(/LeaderChange.*"leaderId":1/);
      const types = [...stdout.matchAll(/payload: \{"type":"(\w+)"/g)].map((it) => it[1]);
      expect(types).toHaveLength(values.length);
      expect(new Set(types)).toEqual(
        new Set(['FEATURE_LEVEL_RECORD', 'REGISTER_BROKER_RECORD', 'BROKER_REGISTRATION_CHANGE_RECORD', 'TOPIC_RECORD', 'CONFIG_RECORD', 'PARTITION_RECORD', 'PARTITION_CHANGE_RECORD', 'PRODUCER_IDS_RECORD', 'REMOVE_TOPIC_RECORD', 'CLEAR_ELR_RECORD', 'REGISTER_CONTROLLER_RECORD']),
      );
      expect(stdout).toContain('{"type":"FEATURE_LEVEL_RECORD","version":0,"data":{"name":"metadata.version","featureLevel":25}}');
      expect(stdout).toMatch(/"type":"BROKER_REGISTRATION_CHANGE_RECORD","version":3,.*"brokerId":1,.*"cordonedLogDirs":\["directory1AAAAAAAAAAAA"\]/);
      expect(stdout).toMatch(/"type":"BROKER_REGISTRATION_CHANGE_RECORD","version":3,.*"brokerId":2,.*"cordonedLogDirs":\[\]/);
      expect(stdout).toMatch(/"type":"REGISTER_BROKER_RECORD","version":4,.*"brokerId":1,.*"cordonedLogDirs":\["directory1AAAAAAAAAAAA"\]/);
      expect(stdout).toMatch(/"eligibleLeaderReplicas":\[\d/);
      expect(stdout).toContain('"resourceName":"orders","name":"retention.ms","value":"1000"');
    } finally {
      folder.remove();
    }
  }, 60_000);
});
