/**
 * Messages a second that a task delivers, and how long one takes, against a server of its own in a process of its own.
 * `node test/send.bench.js [records]` after compiling it; prints one JSON line a figure.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { SinkRecord, TopicPartition } from '@millrace/connect-api';
import { HttpSinkTask } from '../src/http-sink-task.js';
import { sinkRecord } from '@millrace/connect-testkit';
import { map } from './task-driver.js';

const PARTITION: TopicPartition = { topic: 't', partition: 0 };
const quiet = (): void => undefined;

function makeRecord(offset: number): SinkRecord {
  return sinkRecord({ offset, key: `k${offset % 1000}`, value: map({ id: BigInt(offset), account: BigInt(offset % 1000), amount: offset / 100, note: `note ${offset}`, at: '2026-11-21T08:00:00.123456Z' }) });
}

async function measure(label: string, url: string, records: number, config: Readonly<Record<string, string>>): Promise<void> {
  const task = new HttpSinkTask();
  const stopping = new AbortController();
  let wake = quiet;
  let resumed = Promise.resolve();
  const logger = { trace: quiet, debug: quiet, info: quiet, warn: quiet, error: quiet };
  task.start({
    connectorName: 'bench', taskId: 0, config: { 'http.api.url': url, ...config }, logger, signal: stopping.signal,
    errantRecordReporter: { report: (_, error) => Promise.reject(error) }, assignment: () => [PARTITION], ownsAssignment: () => true, seek: quiet, requestCommit: quiet,
    pause: () => void (resumed = new Promise((resolve) => (wake = resolve))), resume: () => wake(),
  });
  const done = async (offset: number): Promise<void> => {
    while ((await task.preCommit(new Map([[PARTITION, offset]]))).get(PARTITION) !== offset);
  };
  await task.put(Array.from({ length: 500 }, (_, i) => makeRecord(i)));
  await done(500);
  const cpu = process.cpuUsage();
  const begin = performance.now();
  for (let start = 500; start < records + 500; start += 500) {
    await resumed;
    await task.put(Array.from({ length: 500 }, (_, i) => makeRecord(start + i)));
  }
  await done(records + 500);
  const seconds = (performance.now() - begin) / 1000;
  const used = process.cpuUsage(cpu);
  stopping.abort();
  await task.stop();
  console.log(JSON.stringify({ label, records, records_per_s: Math.round(records / seconds), us_cpu_per_record: +((used.user + used.system) / records).toFixed(1) }));
}

/** One record after the other, each until it is committable. */
async function latency(url: string): Promise<void> {
  const task = new HttpSinkTask();
  const logger = { trace: quiet, debug: quiet, info: quiet, warn: quiet, error: quiet };
  task.start({
    connectorName: 'bench', taskId: 0, config: { 'http.api.url': url }, logger, signal: new AbortController().signal,
    errantRecordReporter: { report: (_, error) => Promise.reject(error) }, assignment: () => [], ownsAssignment: () => true, seek: quiet, pause: quiet, resume: quiet, requestCommit: quiet,
  });
  const times: number[] = [];
  for (let offset = 0; offset < 2000; offset++) {
    const begin = performance.now();
    await task.put([makeRecord(offset)]);
    while ((await task.preCommit(new Map([[PARTITION, offset + 1]]))).get(PARTITION) !== offset + 1);
    times.push(performance.now() - begin);
  }
  await task.stop();
  times.sort((a, b) => a - b);
  console.log(JSON.stringify({ label: 'put until committable, one at a time', p50_ms: +(times[1000] ?? 0).toFixed(3), p99_ms: +(times[1980] ?? 0).toFixed(3) }));
}

function serve(): void {
  const server = createServer((request, response) => {
    request.resume();
    request.once('end', () => response.writeHead(200).end());
  });
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
  process.once('disconnect', () => process.exit());
}

async function main(): Promise<void> {
  const records = Number(process.argv[2] ?? 50_000);
  const server = fork(__filename, ['serve']);
  const [port] = (await once(server, 'message')) as [number];
  const url = `http://127.0.0.1:${port}/in`;
  await latency(url);
  for (const concurrent of ['1', '10', '50']) await measure(`one record a request, ${concurrent} at once`, url, records, { 'max.concurrent.requests': concurrent });
  for (const size of ['10', '100', '500']) await measure(`batches of ${size}`, url, records * 4, { 'batch.max.size': size });
  await measure('one record a request, signed by Standard Webhooks', url, records, { 'signature.type': 'standard-webhooks', 'signature.secrets': `whsec_${Buffer.alloc(32).toString('base64')}` });
  server.disconnect();
}

if (process.argv[2] === 'serve') serve();
else void main();
