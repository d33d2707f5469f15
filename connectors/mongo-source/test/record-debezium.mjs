// Records what the real Debezium MongoDB connector makes of operations.json on the double:
//   peers fetch                                                   (the jars of Kafka and Debezium, once; config/tooling/peers)
//   npx tsc -b libs/mongo-double
//   node connectors/mongo-source/test/record-debezium.mjs > connectors/mongo-source/test/debezium-3.6.1.json
// Needs Java 17. PEERS_CACHE says where the jars are. With names of runs as arguments only those are recorded.
import { createRequire } from 'node:module';
import { DebeziumProcess } from './debezium-process.cjs';
import { collect, shapeRecord } from './recorded-shape.cjs';

const require = createRequire(import.meta.url);
const { MongoClient } = require('mongodb');
const { MongoDouble } = require('@millrace/mongo-double');
const { load, run, fence, FENCE, RUNS } = require('./operation-script.cjs');

const script = load();
const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(RUNS);
const recorded = {};
for (const name of names) {
  const double = await MongoDouble.start();
  const client = await MongoClient.connect(double.url);
  for (const it of script.before) await run(client, it);
  const config = { name: 'ref', 'topic.prefix': 'ref', 'mongodb.connection.string': double.url, 'poll.interval.ms': '5', 'cursor.max.await.time.ms': '20', 'connector.class': 'io.debezium.connector.mongodb.MongoDbConnector', ...RUNS[name] };
  const debezium = new DebeziumProcess({ config, offset: null });
  const records = [];
  let number = 1_000_000;
  const isFence = (it) => it.key?.payload.id !== undefined && it.topic.endsWith(FENCE.collection);
  const pass = async (deadlineMs) => {
    number += 1;
    await fence(client, number);
    return debezium.until((it) => isFence(it) && it.key.payload.id === String(number), records, deadlineMs);
  };
  // With a snapshot the stream's position is from before it; without one the stream is open when a first fence comes through.
  if (config['snapshot.mode'] === 'no_data') while (!(await pass(500)));
  else await debezium.until((it) => it.value?.payload.source.snapshot === 'last', records, 30_000);
  for (const operation of script.after) {
    await run(client, operation);
    if (!(await pass(20_000))) throw new Error(`${name}: nothing came behind ${JSON.stringify(operation).slice(0, 200)}\n${debezium.errors.slice(-2000)}`);
  }
  await debezium.stop();
  recorded[name] = collect(records.filter((it) => !isFence(it)).map(shapeRecord));
  process.stderr.write(`${name}: ${records.length} records\n`);
  await client.close();
  await double.close();
}
const list = (items) => `[\n${items.map((it) => `   ${JSON.stringify(it)}`).join(',\n')}\n  ]`;
process.stdout.write(`{\n${Object.entries(recorded).map(([name, it]) => ` ${JSON.stringify(name)}: {\n  "schemas": ${list(it.schemas)},\n  "records": ${list(it.records)}\n }`).join(',\n')}\n}\n`);
