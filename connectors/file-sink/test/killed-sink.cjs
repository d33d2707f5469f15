'use strict';
// A task in a process of its own, driven as the runtime drives it, until it is killed. Its group has stored nothing: every life is offered all
// records from the beginning. Arguments: folder, partitions, records of each, extra settings as JSON.
const { FileSinkTask } = require('../dist/index.js');
const { Schema, Struct } = require('@millrace/connect-api');

const [folder, partitions, count, extra] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4]), JSON.parse(process.argv[5])];
const ROW = Schema.struct({ partition: Schema.of('int32'), offset: Schema.of('int32'), text: Schema.of('string') });

async function main() {
  const quiet = () => undefined;
  const task = new FileSinkTask();
  const positions = new Map(Array.from({ length: partitions }, (_, partition) => [partition, 0]));
  let moved = new Set();
  await task.start({
    connectorName: 'killed', taskId: 0, config: { directory: folder, ...extra }, signal: new AbortController().signal,
    logger: { trace: quiet, debug: quiet, info: quiet, warn: (fields, message) => process.stderr.write(`${message} ${JSON.stringify(fields)}\n`), error: quiet },
    errantRecordReporter: { report: (_, error) => Promise.reject(error) }, assignment: () => [], pause: quiet, resume: quiet, requestCommit: quiet,
    seek: ({ partition }, offset) => {
      positions.set(partition, offset);
      moved.add(partition);
    },
  });
  await task.open([...positions.keys()].map((partition) => ({ topic: 't', partition })));
  process.stdout.write('open\n');
  for (;;) {
    const batch = [];
    const ends = new Map();
    for (const [partition, position] of positions) {
      const end = Math.min(count, position + 1 + Math.floor(Math.random() * 200));
      for (let offset = position; offset < end; offset++) {
        batch.push({
          topic: 't', partition, kafkaOffset: offset, keySchema: null, key: null, valueSchema: ROW, value: new Struct(ROW, { partition, offset, text: 'ä'.repeat(offset % 50) }),
          timestampMs: 1_700_000_000_000 + offset * 1000, timestampType: 'CreateTime', headers: [], originalTopic: 't', originalPartition: partition, originalKafkaOffset: offset,
        });
      }
      if (end > position) ends.set(partition, end);
    }
    if (batch.length === 0) break;
    moved = new Set();
    for (;;) {
      try {
        await task.put(batch);
        break;
      } catch (error) {
        if (error.code !== 'CONNECT_RETRIABLE') throw error;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
    for (const [partition, end] of ends) if (!moved.has(partition)) positions.set(partition, end);
    await task.preCommit(new Map([...positions].map(([partition, offset]) => [{ topic: 't', partition }, offset])));
  }
  await task.stop();
  process.stdout.write('done\n');
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
