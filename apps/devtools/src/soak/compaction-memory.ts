import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Admin, Producer } from '@millrace/client';
import { SILENT_LOGGER } from '@millrace/foundation';
import { nodeCodecs, systemClock } from '@millrace/platform';
import { RecordBatchBuilder } from '@millrace/records';
import { DEFAULT_LOG_CONFIG, NodeFileSystem, PartitionLog } from '@millrace/storage';
import { freePort, isListening, MillraceProcess, repositoryRoot, SeededRandom, waitFor } from '@millrace/testkit';

export interface CompactionMemoryOptions {
  readonly folder: string;
  readonly keys: number;
  readonly megabytes: number;
  readonly say: (line: string) => void;
}

const RECORDS_PER_BATCH = 200;
const TOPIC = 'table';

/** How much memory it takes to clean a large log, by a process that does nothing else and by a broker that serves a producer meanwhile. */
export async function compactionMemory(options: CompactionMemoryOptions): Promise<void> {
  const { folder, say } = options;
  const source = path.join(folder, 'source', `${TOPIC}-0`);
  await fill(source, options);
  const bytes = fs.readdirSync(source).reduce((sum, it) => sum + fs.statSync(path.join(source, it)).size, 0);
  say(`${Math.round(bytes / 1e6)} MB, ${options.keys} keys`);
  for (const mapBytes of [134_217_728, 192_000_000]) {
    const copy = path.join(folder, `alone-${mapBytes}`, `${TOPIC}-0`);
    fs.cpSync(source, copy, { recursive: true });
    const { stdout, stderr } = spawnSync(process.execPath, [path.join(__dirname, 'clean-folder.js'), copy, String(mapBytes)], { encoding: 'utf8' });
    say(`cleaning alone, ${Math.round(mapBytes / 1e6)} MB for keys: ${stdout.trim()}${stderr.trim()}`);
    fs.rmSync(copy, { recursive: true });
  }
  await inBroker(source, options);
}

/** Every key once, then one in twenty again; by our own log, straight into the folder. */
async function fill(partitionFolder: string, { keys, megabytes }: CompactionMemoryOptions): Promise<void> {
  const config = { ...DEFAULT_LOG_CONFIG, cleanupPolicies: ['compact'] as const, segmentBytes: 50_000_000 };
  const log = await PartitionLog.open({ fileSystem: new NodeFileSystem(), folder: partitionFolder, topic: TOPIC, partition: 0, config, clock: systemClock, logger: SILENT_LOGGER, codecs: nodeCodecs, hadCleanShutdown: true, recoveryPoint: 0, logStartOffset: 0 });
  const random = new SeededRandom(1);
  const builder = new RecordBatchBuilder(64 * 1024);
  const records = Math.ceil(keys * 1.05);
  const value = Buffer.alloc(Math.max(1, Math.round((megabytes * 1e6) / records) - 28), 'v');
  for (let i = 0; i < records; ) {
    const baseOffset = log.logEndOffset;
    for (let n = 0; n < RECORDS_PER_BATCH && i < records; n++, i++) builder.append(Buffer.from(`key-${String(i < keys ? i : random.integer(keys)).padStart(9, '0')}`), value, Date.now());
    log.append(builder.build({ codecs: nodeCodecs, baseOffset, leaderEpoch: 0 }));
  }
  await log.close();
}

async function inBroker(source: string, { folder, say }: CompactionMemoryOptions): Promise<void> {
  const port = await freePort();
  const data = path.join(folder, 'data');
  const bootstrap = `127.0.0.1:${port}`;
  const start = (): Promise<MillraceProcess> =>
    MillraceProcess.start({
      root: repositoryRoot(), app: 'broker', folder, isUp: () => isListening(port),
      config: { 'node.id': '1', listeners: `PLAINTEXT://${bootstrap}`, 'log.dirs': data, 'log.cleaner.backoff.ms': '200', 'log.segment.delete.delay.ms': '1000' },
    });
  let broker = await start();
  try {
    const admin = new Admin({ bootstrapServers: bootstrap });
    await admin.createTopics([{ name: TOPIC, partitions: 1, configs: { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '1' } }, { name: 'other', partitions: 1 }]);
    await admin.close();
    await broker.stop();
    for (const name of fs.readdirSync(source).filter((it) => it !== 'partition.metadata')) fs.renameSync(path.join(source, name), path.join(data, `${TOPIC}-0`, name));
    broker = await start();
    say(`broker at rest: ${rss(broker.pid)}`);
    say(`produce latency at rest: ${await latency(bootstrap, () => delay(8000))}`);
    resetPeak(broker.pid);
    const again = new Admin({ bootstrapServers: bootstrap });
    await again.alterConfigs([{ type: 'topic', name: TOPIC, changes: [{ name: 'min.cleanable.dirty.ratio', value: '0.01' }] }]);
    await again.close();
    const begunMs = performance.now();
    const active = Math.max(...fs.readdirSync(path.join(data, `${TOPIC}-0`)).filter((it) => it.endsWith('.log')).map((it) => Number.parseInt(it, 10)));
    const checkpoint = path.join(data, 'cleaner-offset-checkpoint');
    const isClean = (): Promise<boolean> => Promise.resolve(fs.existsSync(checkpoint) && fs.readFileSync(checkpoint, 'utf8').includes(`${TOPIC} 0 ${active}`));
    const during = await latency(bootstrap, () => waitFor('the log is clean', 600_000, isClean));
    say(`produce latency while cleaning: ${during}`);
    say(`cleaned in the broker within ${Math.round((performance.now() - begunMs) / 100) / 10} s; peak ${rss(broker.pid)}`);
  } finally {
    await broker.stop();
  }
}

/** Of single acknowledged records, 200 a second, while something goes on. */
async function latency(bootstrap: string, meanwhile: () => Promise<void>): Promise<string> {
  const producer = new Producer({ bootstrapServers: bootstrap, lingerMs: 0 });
  const times: number[] = [];
  let isOver = false;
  const value = Buffer.alloc(200, 'x');
  const sends = new Set<Promise<void>>();
  const loop = (async () => {
    while (!isOver) {
      const begunMs = performance.now();
      const sent: Promise<void> = producer.send({ topic: 'other', key: null, value }).then(() => {
        times.push(performance.now() - begunMs);
        sends.delete(sent);
      });
      sends.add(sent);
      await delay(5);
    }
    await Promise.all(sends);
  })();
  await meanwhile();
  isOver = true;
  await loop;
  await producer.close();
  times.sort((a, b) => a - b);
  const at = (share: number): string => `${(times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0).toFixed(1)} ms`;
  return `p50 ${at(0.5)}, p99 ${at(0.99)}, p99.9 ${at(0.999)}, max ${at(1)} (${times.length} records)`;
}

function rss(pid: number): string {
  const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
  const mb = (key: string): number => Math.round(Number(new RegExp(`${key}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024);
  return `${mb('VmRSS')} MB now, ${mb('VmHWM')} MB at most`;
}

function resetPeak(pid: number): void {
  fs.writeFileSync(`/proc/${pid}/clear_refs`, '5');
}
