import { startBroker } from '../../test/broker-under-test.js';
import { Admin } from '../admin/admin.js';
import { KafkaClient } from '../cluster/kafka-client.js';
import { Consumer } from './consumer.js';

async function pollUntil(consumer: Consumer, isTrue: () => boolean): Promise<void> {
  for (const deadlineMs = performance.now() + 20_000; !isTrue(); ) {
    if (performance.now() > deadlineMs) throw new Error('not in time');
    await consumer.poll(20).catch(() => undefined);
  }
}

/** The broker is stopped under it, which a broker that is not ours would not be. */
const own = process.env.MILLRACE_TEST_BOOTSTRAP === undefined ? it : it.skip;

describe('a consumer', () => {
  own('does not call its partitions its own once its session may have ended unheard', async () => {
    const broker = await startBroker({ 'group.min.session.timeout.ms': '500' });
    const client = new KafkaClient({ bootstrapServers: broker.bootstrapServers });
    await new Admin({ client }).createTopics([{ name: 'owned', partitions: 2 }]);
    client.close();
    const consumer = new Consumer({ bootstrapServers: broker.bootstrapServers, groupId: 'owners', sessionTimeoutMs: 1000, heartbeatIntervalMs: 100 });
    try {
      expect(consumer.ownsAssignment).toBe(true);
      consumer.subscribe(['owned']);
      await pollUntil(consumer, () => consumer.assignment.length === 2);
      expect(consumer.ownsAssignment).toBe(true);
      // Longer than a session: heartbeats keep it.
      const laterMs = performance.now() + 1300;
      await pollUntil(consumer, () => performance.now() > laterMs);
      expect(consumer.ownsAssignment).toBe(true);
      await broker.stop();
      await pollUntil(consumer, () => !consumer.ownsAssignment);
      expect(consumer.assignment).toHaveLength(2);
    } finally {
      await consumer.close({ timeoutMs: 1000 }).catch(() => undefined);
      await broker.stop();
    }
  }, 60_000);
});
