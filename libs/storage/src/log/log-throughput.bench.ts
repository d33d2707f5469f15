import { nodeCodecs } from '@millrace/platform';
import { RecordBatchBuilder, stampBatch } from '@millrace/records';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { SILENT_LOGGER } from '@millrace/foundation';
import { DEFAULT_LOG_CONFIG, NodeFileSystem, PartitionLog, ReadBuffers, TailMemory } from '../index.js';

const GIB = 1024 ** 3;
const TOTAL_BYTES = Number(process.env.BENCH_BYTES ?? GIB);

function batchOf(bytes: number, producerId?: number): Uint8Array {
  const builder = new RecordBatchBuilder(bytes + 200);
  const value = Buffer.alloc(100, 'v');
  while (builder.estimatedBytes < bytes) builder.append(null, value, 1_700_000_000_000);
  return builder.build({ codecs: nodeCodecs, leaderEpoch: 0, producerId, producerEpoch: producerId === undefined ? undefined : 0, baseSequence: producerId === undefined ? undefined : 0 });
}

async function main(): Promise<void> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-bench-'));
  const report = (what: string, bytes: number, ms: number, count: number): void => console.log(`${what.padEnd(52)} ${(bytes / 1e6 / ms).toFixed(2)} GB/s  ${Math.round((count / ms) * 1000)} calls/s`);
  try {
    for (const size of [1024, 16 * 1024, 256 * 1024]) {
      const batch = batchOf(size, 5);
      const records = new DataView(batch.buffer, batch.byteOffset).getInt32(57);
      const total = size === 1024 ? TOTAL_BYTES / 8 : TOTAL_BYTES;
      const open = (tailMemory: TailMemory, name: string): Promise<PartitionLog> =>
        PartitionLog.open({
          fileSystem: new NodeFileSystem(),
          folder: `${folder}/${name}-0`,
          topic: name,
          partition: 0,
          config: { ...DEFAULT_LOG_CONFIG, segmentBytes: GIB / 4 },
          clock: { nowMs: () => 1_700_000_000_000, monotonicMs: () => performance.now() },
          logger: SILENT_LOGGER,
          codecs: nodeCodecs,
          hadCleanShutdown: false,
          recoveryPoint: 0,
          logStartOffset: 0,
          tailMemory,
          readBuffers: new ReadBuffers(32 * 1024 * 1024),
        });
      const log = await open(new TailMemory(64 * 1024 * 1024), `t${size}`);
      let count = 0;
      let begun = performance.now();
      for (let bytes = 0; bytes < total; bytes += batch.length, count++) {
        stampBatch(batch, 0, log.logEndOffset, 0);
        log.append(batch);
      }
      report(`append ${batch.length} B batches of ${records} records`, count * batch.length, performance.now() - begun, count);

      for (const maxBytes of [64 * 1024, 1024 * 1024]) {
        begun = performance.now();
        let bytes = 0;
        let calls = 0;
        for (let offset = 0; offset < log.logEndOffset; calls++) {
          const result = await log.read({ offset, maxBytes, minOneBatch: true });
          bytes += result.bytes.length;
          offset = result.nextOffset;
          result.release();
        }
        report(`  read from the start, ${maxBytes / 1024} KiB at a time`, bytes, performance.now() - begun, calls);
      }
      begun = performance.now();
      let bytes = 0;
      let calls = 0;
      const tailOffset = Math.max(0, log.logEndOffset - Math.floor((32 * 1024 * 1024) / batch.length) * records);
      for (let round = 0; round < 20; round++) {
        for (let offset = tailOffset; offset < log.logEndOffset; calls++) {
          const result = log.read({ offset, maxBytes: 1024 * 1024, minOneBatch: true });
          if (result instanceof Promise) throw new Error('the tail was not in memory');
          bytes += result.bytes.length;
          offset = result.nextOffset;
        }
      }
      report('  read the tail, 1 MiB at a time', bytes, performance.now() - begun, calls);
      log.abandon();
      begun = performance.now();
      const recovered = await open(new TailMemory(0), `t${size}`);
      report('  recovery: scan of everything', recovered.bytes, performance.now() - begun, 1);
      recovered.abandon();
      fs.rmSync(`${folder}/t${size}-0`, { recursive: true, force: true });
    }
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

void main();
