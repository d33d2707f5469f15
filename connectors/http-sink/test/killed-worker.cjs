'use strict';
// A worker with one task, as a process that can be killed: reads endless partitions from given offsets, puts, commits to its parent.
const { HttpSinkTask } = require('../dist/index.js');

const { config, committed, ends, keys, connectorName } = JSON.parse(process.argv[2]);
const quiet = () => undefined;
const assignment = committed.map((_, partition) => ({ topic: 't', partition }));
const positions = [...committed];
const paused = new Set();
const task = new HttpSinkTask();
const signal = new AbortController().signal;

task.start({
  connectorName, taskId: 0, config, signal, logger: { trace: quiet, debug: quiet, info: quiet, warn: quiet, error: quiet },
  errantRecordReporter: { report: (_record, error) => Promise.reject(error) },
  assignment: () => assignment,
  ownsAssignment: () => true,
  seek: (it, offset) => (positions[it.partition] = offset),
  pause: (...partitions) => partitions.forEach((it) => paused.add(it.partition)),
  resume: (...partitions) => partitions.forEach((it) => paused.delete(it.partition)),
  requestCommit: quiet,
});

function record(partition, offset) {
  const key = `${partition}-${(offset * 7919) % keys}`;
  const value = new Map([['p', BigInt(partition)], ['o', BigInt(offset)], ['k', key]]);
  return {
    topic: 't', partition, kafkaOffset: offset, keySchema: null, key, valueSchema: null, value, timestampMs: 0, timestampType: 'CreateTime', headers: [],
    originalTopic: 't', originalPartition: partition, originalKafkaOffset: offset,
  };
}

function take() {
  const records = [];
  for (const { partition } of assignment) {
    if (paused.has(partition)) continue;
    for (let n = 0; n < 50 && positions[partition] < ends[partition]; n++) records.push(record(partition, positions[partition]++));
  }
  return records;
}

async function run() {
  for (;;) {
    const before = [...positions];
    const records = take();
    try {
      if (records.length > 0) await task.put(records);
    } catch (error) {
      if (error.code !== 'CONNECT_RETRIABLE') throw error;
      before.forEach((offset, partition) => (positions[partition] = offset));
    }
    const offsets = await task.preCommit(new Map(assignment.map((it) => [it, positions[it.partition]])));
    process.send({ committed: assignment.map((it) => offsets.get(it)) });
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

run().catch((error) => {
  process.send({ failed: String(error.stack) });
  process.exit(1);
});
