// Produces, consumes in a group and administers with @platformatic/kafka. Its package is an ES module, so this runs as a program: node platformatic.mjs host:port
import { Admin, Consumer, Producer, ProduceAcks, stringDeserializers, stringSerializers } from '@platformatic/kafka';

const bootstrapBrokers = [process.argv[2]];
const result = {};
const admin = new Admin({ clientId: 'platformatic', bootstrapBrokers });
for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
  const topic = `platformatic-${compression}`;
  await admin.createTopics({ topics: [topic], partitions: 2, replicas: 1 });
  const producer = new Producer({ clientId: 'platformatic', bootstrapBrokers, serializers: stringSerializers });
  try {
    await producer.send({ acks: ProduceAcks.ALL, compression, messages: Array.from({ length: 50 }, (_, i) => ({ topic, key: `k${i}`, value: `${compression} ${i}`, headers: { h: 'x' } })) });
  } catch (error) {
    result[compression] = `cannot produce: ${error.errors?.[0]?.message ?? error.message}`;
    await producer.close();
    continue;
  }
  await producer.close();
  const consumer = new Consumer({ groupId: `g-${compression}`, clientId: 'platformatic', bootstrapBrokers, deserializers: stringDeserializers, sessionTimeout: 10000, heartbeatInterval: 500 });
  const stream = await consumer.consume({ autocommit: true, topics: [topic], mode: 'earliest', maxWaitTime: 100 });
  const values = new Set();
  for await (const message of stream) {
    values.add(message.value);
    if (values.size === 50) break;
  }
  result[compression] = values.size;
  await stream.close();
  await consumer.close(true);
}
result.groups = [...(await admin.listGroups()).keys()].sort();
await admin.close();
process.stdout.write(`${JSON.stringify(result)}\n`);
