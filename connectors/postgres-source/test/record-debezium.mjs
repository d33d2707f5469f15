// Makes debezium-<version>.json of what a real Debezium connector wrote: reads the topics as `kcat -C -e -q -J` prints them (all topics, one
// after another) from standard input. To record again: a PostgreSQL with wal_level=logical and a database `ref`; run type-table.sql in it; start
// Apache Kafka, Connect and Debezium's connector (topic.prefix ref, plugin.name pgoutput, skipped.operations none, JSON converters with schemas);
// wait for the snapshot; run type-table-changes.sql statement by statement with half a second in between; then
//   for t in $(topics that begin with ref.); do kcat -b HOST:PORT -C -t $t -e -q -J; done | node record-debezium.mjs > debezium-<version>.json
import { text } from 'node:stream/consumers';

const CLOCKS = ['ts_ms', 'ts_us', 'ts_ns'];
const POSITIONS = [...CLOCKS, 'version', 'txId', 'lsn', 'sequence'];

function short(value) {
  if (typeof value === 'string') return value.length > 300 ? `…${value.length}` : value;
  if (Array.isArray(value)) return value.length > 100 ? [`…${value.length}`] : value.map(short);
  if (value !== null && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, short(item)]));
  return value;
}

const star = (it, names) => Object.fromEntries(Object.entries(it).map(([name, item]) => [name, names.includes(name) && item !== null ? '*' : item]));

const topics = {};
for (const line of (await text(process.stdin)).trim().split('\n')) {
  const { topic, key, payload, headers = [] } = JSON.parse(line);
  const entry = (topics[topic] ??= { key: null, row: null, records: [] });
  const keyPart = key ? JSON.parse(key) : null;
  const valuePart = payload ? JSON.parse(payload) : null;
  const own = Object.fromEntries(headers.flatMap((name, i) => (i % 2 === 0 && !name.startsWith('__debezium.context.') ? [[name, JSON.parse(headers[i + 1])]] : [])));
  const record = { key: keyPart && short(keyPart.payload), ...(Object.keys(own).length > 0 ? { headers: own } : {}) };
  if (keyPart) entry.key = keyPart.schema;
  const after = valuePart?.schema.fields.find((it) => it.field === 'after');
  if (after) {
    const { field: _field, ...row } = after;
    entry.row ??= row;
    if (JSON.stringify(row) !== JSON.stringify(entry.row)) record.rowSchema = row;
  }
  record.value = valuePart && short({ ...star(valuePart.payload, CLOCKS), ...(valuePart.payload.source ? { source: star(valuePart.payload.source, POSITIONS) } : {}) });
  entry.records.push(record);
}
process.stdout.write(
  `{\n${Object.keys(topics)
    .sort()
    .map((topic) => `${JSON.stringify(topic)}: {\n "key": ${JSON.stringify(topics[topic].key)},\n "row": ${JSON.stringify(topics[topic].row)},\n "records": [\n  ${topics[topic].records.map((it) => JSON.stringify(it)).join(',\n  ')}\n ]}`)
    .join(',\n')}\n}\n`,
);
