'use strict';
// A task in a process of its own, driven as the runtime drives it, until it is killed. Records and their offset are kept as one line of a journal, which
// stands for the transaction that Connect writes both in: a line that is not whole was never committed. Arguments: folder, journal, settings as JSON.
const fs = require('node:fs');
const { FileSourceTask } = require('../dist/index.js');

const [folder, journal, settings] = [process.argv[2], process.argv[3], JSON.parse(process.argv[4])];

async function main() {
  const offsets = new Map();
  const text = fs.existsSync(journal) ? fs.readFileSync(journal, 'utf8') : '';
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  fs.writeFileSync(journal, whole);
  for (const line of whole.split('\n').slice(0, -1)) for (const [partition, offset] of JSON.parse(line).offsets) offsets.set(partition, offset);
  const quiet = () => undefined;
  const get = (partition) => (offsets.has(JSON.stringify(partition)) ? JSON.parse(offsets.get(JSON.stringify(partition))) : null);
  const task = new FileSourceTask();
  await task.start({
    connectorName: 'killed', taskId: 0, config: { topic: 't', include: `${folder}/*.log`, ...settings }, signal: new AbortController().signal,
    logger: { trace: quiet, debug: quiet, info: quiet, warn: (fields, message) => process.stderr.write(`${message} ${JSON.stringify(fields)}\n`), error: quiet },
    offset: async (it) => get(it), offsets: async (all) => all.map(get), followTopic: () => Promise.reject(new Error('not asked for')),
  });
  process.stdout.write('open\n');
  let isStopping = false;
  process.on('SIGTERM', () => (isStopping = true));
  while (!isStopping) {
    const records = await task.poll();
    if (records.length === 0) continue;
    const last = new Map(records.map((it) => [JSON.stringify(it.sourcePartition), it]));
    const stored = [...last].map(([partition, it]) => [partition, JSON.stringify(it.sourceOffset)]);
    fs.appendFileSync(journal, `${JSON.stringify({ offsets: stored, values: records.map((it) => it.value) })}\n`);
    for (const [partition, offset] of stored) offsets.set(partition, offset);
  }
  await task.stop();
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
