import { Kafka, logLevel } from 'kafkajs';
import { waitFor } from '@millrace/testkit';
import { QuorumCluster } from './quorum-cluster.js';

const ALL = 'broker,controller';

describe('what a broker tells of its cluster', () => {
  it('names replicas of a dead broker as offline, and only brokers that can be reached', async () => {
    const cluster = await QuorumCluster.start({ 1: ALL, 2: ALL, 3: ALL });
    try {
      const admin = new Kafka({ brokers: [`127.0.0.1:${cluster.portOf(1)}`], logLevel: logLevel.NOTHING }).admin();
      await admin.connect();
      await admin.createTopics({ waitForLeaders: true, topics: [{ topic: 'orders', numPartitions: 3, replicationFactor: 3 }] });
      await admin.disconnect();
      const partitions = async (id: number) => (await cluster.metadata(id, ['orders'])).topics[0]?.partitions ?? [];
      expect((await partitions(1)).map((it) => it.offlineReplicas)).toEqual([[], [], []]);
      await cluster.crash(2);
      await waitFor('the replicas of the dead broker are offline', 20_000, async () => (await partitions(1)).every((it) => it.offlineReplicas.length > 0));
      expect((await partitions(1)).map((it) => it.offlineReplicas)).toEqual([[2], [2], [2]]);
      const metadata = await cluster.metadata(1, []);
      expect(metadata.brokers.map((it) => it.nodeId).sort()).toEqual([1, 3]);
      expect([1, 3]).toContain(metadata.controllerId);
    } finally {
      await cluster.stop();
    }
  }, 60_000);
});
