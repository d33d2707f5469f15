import { Kafka, logLevel } from 'kafkajs';
import { waitFor } from '@millrace/testkit';
import { QuorumCluster } from './quorum-cluster.js';

const TOPIC = 'orders';
const ALL = 'broker,controller';

describe('kafkajs on three nodes', () => {
  it('loses nothing that was acknowledged while they are restarted and killed one after the other, and its group goes on', async () => {
    const cluster = await QuorumCluster.start({ 1: ALL, 2: ALL, 3: ALL });
    const ports = new Map([1, 2, 3].map((id) => [id, cluster.portOf(id)]));
    const again = (id: number) => cluster.startNode(id, { listeners: `PLAINTEXT://127.0.0.1:${ports.get(id)},CONTROLLER://127.0.0.1:${cluster.controllerPortOf(id)}` });
    const kafka = new Kafka({ brokers: [...ports.values()].map((it) => `127.0.0.1:${it}`), clientId: 'kafkajs', logLevel: logLevel.NOTHING, retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 200 } });
    const admin = kafka.admin();
    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, allowAutoTopicCreation: false });
    const consumer = kafka.consumer({ groupId: 'readers', heartbeatInterval: 300, sessionTimeout: 6000, rebalanceTimeout: 6000, maxWaitTimeInMs: 100, retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 200 } });
    try {
      await admin.connect();
      await admin.createTopics({ waitForLeaders: true, topics: [{ topic: TOPIC, numPartitions: 3, replicationFactor: 3, configEntries: [{ name: 'min.insync.replicas', value: '2' }] }] });
      const seen = new Map<number, string[]>();
      await consumer.connect();
      await consumer.subscribe({ topic: TOPIC, fromBeginning: true });
      await consumer.run({
        autoCommitInterval: 200,
        eachMessage: ({ partition, message }) => {
          const value = message.value?.toString() ?? '';
          const values = seen.get(partition) ?? [];
          // After a rebalance it may begin again a little earlier.
          if (!values.includes(value)) values.push(value);
          seen.set(partition, values);
          return Promise.resolve();
        },
      });
      await producer.connect();
      const acked: string[][] = [[], [], []];
      let isEnding = false;
      const producing = (async () => {
        for (let i = 0; !isEnding; i++) {
          const partition = i % 3;
          await producer.send({ topic: TOPIC, acks: -1, messages: [{ partition, value: `v${i}` }] });
          acked[partition]?.push(`v${i}`);
        }
      })();
      const more = async (): Promise<void> => {
        const goal = (acked[0]?.length ?? 0) + 20;
        await waitFor('there is progress', 20_000, () => Promise.resolve((acked[0]?.length ?? 0) >= goal));
      };
      await more();
      for (const id of [1, 2, 3]) {
        if (id === 3) await cluster.crash(id);
        else await cluster.stopNode(id);
        await more();
        await again(id);
        await waitFor(`${id} is in sync again`, 20_000, async () => (await cluster.metadata(id, [TOPIC])).topics[0]?.partitions.every((it) => it.isrNodes.length === 3) === true);
        await more();
      }
      isEnding = true;
      await producing;
      await waitFor('everything was consumed', 20_000, () => Promise.resolve([0, 1, 2].every((it) => (seen.get(it)?.length ?? 0) >= (acked[it]?.length ?? 0))));
      expect([0, 1, 2].map((it) => seen.get(it))).toEqual(acked);
    } finally {
      await Promise.allSettled([producer.disconnect(), consumer.disconnect(), admin.disconnect()]);
      await cluster.stop();
    }
  }, 120_000);
});
