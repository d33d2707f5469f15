import type { CompressionType } from '@millrace/foundation';
import { nodeCodecs } from '@millrace/platform';
import { batchesOf, buildEndTxnMarker, RecordBatchBuilder } from '@millrace/records';
import { ManualClock, RecordingLogger } from '@millrace/testkit';
import { DEFAULT_LOG_CONFIG, PartitionLog, type LogConfig, type PartitionLogOptions, type ReadRequest } from '../src/index.js';
import { FaultyFileSystem } from '@millrace/testkit';

export const codecs = nodeCodecs;
export const START_MS = 1_700_000_000_000;

export interface BatchShape {
  readonly baseOffset: number;
  readonly records?: number;
  readonly valueBytes?: number;
  readonly leaderEpoch?: number;
  readonly timestampMs?: number;
  readonly compression?: CompressionType;
  readonly producer?: { readonly id: number; readonly epoch?: number; readonly sequence: number; readonly isTransactional?: boolean };
}

/** A batch as it stands in a log: each value tells its offset. */
export function batch(shape: BatchShape): Uint8Array {
  const { baseOffset, records = 1, valueBytes = 20, leaderEpoch = 0, timestampMs = START_MS + baseOffset, compression, producer } = shape;
  const builder = new RecordBatchBuilder(records * (valueBytes + 24) + 100);
  for (let i = 0; i < records; i++) builder.append(Buffer.from(`k${baseOffset + i}`), Buffer.from(String(baseOffset + i).padEnd(valueBytes, '.')), timestampMs + i);
  return builder.build({
    codecs,
    compression,
    baseOffset,
    leaderEpoch,
    producerId: producer?.id,
    producerEpoch: producer === undefined ? undefined : (producer.epoch ?? 0),
    baseSequence: producer?.sequence,
    isTransactional: producer?.isTransactional,
  });
}

export function marker(shape: { readonly baseOffset: number; readonly producerId: number; readonly epoch?: number; readonly isCommit: boolean; readonly coordinatorEpoch?: number }): Uint8Array {
  return buildEndTxnMarker(
    { isCommit: shape.isCommit, coordinatorEpoch: shape.coordinatorEpoch ?? 0 },
    { codecs, timestampMs: START_MS + shape.baseOffset, baseOffset: shape.baseOffset, leaderEpoch: 0, producerId: shape.producerId, producerEpoch: shape.epoch ?? 0 },
  );
}

export interface Bench {
  readonly disk: FaultyFileSystem;
  readonly clock: ManualClock;
  readonly logger: RecordingLogger;
  readonly options: PartitionLogOptions;
}

/** Everything that a log needs, on a disk in memory. */
export function bench(config: Partial<LogConfig> = {}, more: Partial<PartitionLogOptions> = {}): Bench {
  const disk = (more.fileSystem as FaultyFileSystem | undefined) ?? new FaultyFileSystem();
  const clock = new ManualClock(START_MS);
  const logger = new RecordingLogger();
  const options: PartitionLogOptions = {
    fileSystem: disk,
    folder: '/logs/orders-0',
    topic: 'orders',
    partition: 0,
    topicId: 'c29tZXRvcGljaWRhYmNkZQ',
    config: { ...DEFAULT_LOG_CONFIG, ...config },
    clock,
    logger,
    codecs,
    hadCleanShutdown: false,
    recoveryPoint: 0,
    logStartOffset: 0,
    ...more,
  };
  return { disk, clock, logger, options };
}

export async function openBench(config: Partial<LogConfig> = {}, more: Partial<PartitionLogOptions> = {}): Promise<Bench & { readonly log: PartitionLog }> {
  const it = bench(config, more);
  return { ...it, log: await PartitionLog.open(it.options) };
}

/** Everything in the log, by repeated reads. */
export async function readAll(log: PartitionLog, request: Partial<ReadRequest> = {}): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for (let offset = request.offset ?? log.logStartOffset; ; ) {
    const result = await log.read({ maxBytes: 1_000_000, minOneBatch: true, ...request, offset });
    if (result.bytes.length === 0) return Buffer.concat(parts);
    parts.push(Buffer.from(result.bytes));
    result.release();
    offset = result.nextOffset;
  }
}

export function baseOffsets(bytes: Uint8Array): number[] {
  return [...batchesOf(bytes)].map((it) => it.header.baseOffset);
}

export function contentOf(disk: FaultyFileSystem, path: string): Buffer {
  const file = disk.open(path, 'read');
  const bytes = Buffer.alloc(file.bytes);
  file.readSync(bytes, 0);
  file.close();
  return bytes;
}

/** Puts other bytes in a file's place, as a fault would. */
export function overwrite(disk: FaultyFileSystem, path: string, bytes: Uint8Array): void {
  const file = disk.open(path, 'write');
  file.truncate(0);
  file.append(bytes);
  file.close();
}

export function fileNames(disk: FaultyFileSystem, folder = '/logs/orders-0'): string[] {
  return disk.list(folder).map((it) => it.name).sort();
}

/** Compares every index entry of a closed log with the batches of its segment; returns what does not agree. */
export function indexProblems(disk: FaultyFileSystem, folder = '/logs/orders-0'): string[] {
  const problems: string[] = [];
  for (const name of fileNames(disk, folder).filter((it) => it.endsWith('.log'))) {
    const base = Number.parseInt(name, 10);
    const log = contentOf(disk, `${folder}/${name}`);
    const batches = [...batchesOf(log)];
    const end = batches.at(-1);
    if ((end === undefined ? 0 : end.position + end.header.sizeBytes) !== log.length) problems.push(`${name} has trailing bytes`);
    const index = contentOf(disk, `${folder}/${name.replace('.log', '.index')}`);
    for (let at = 0; at < index.length; at += 8) {
      const [offset, position] = [base + index.readInt32BE(at), index.readInt32BE(at + 4)];
      if (!batches.some((it) => it.position === position && it.header.lastOffset === offset)) problems.push(`${name}: no batch at ${position} that ends with offset ${offset}`);
    }
    const times = contentOf(disk, `${folder}/${name.replace('.log', '.timeindex')}`);
    let previous = -1;
    for (let at = 0; at < times.length; at += 12) {
      const [timestampMs, offset] = [Number(times.readBigInt64BE(at)), base + times.readInt32BE(at + 8)];
      if (!batches.some((it) => it.header.maxTimestampMs === timestampMs && it.header.lastOffset === offset)) problems.push(`${name}: no batch with time ${timestampMs} that ends with offset ${offset}`);
      if (batches.some((it) => it.header.lastOffset < offset && it.header.maxTimestampMs >= timestampMs)) problems.push(`${name}: time ${timestampMs} stands before offset ${offset}`);
      if (timestampMs <= previous) problems.push(`${name}: time ${timestampMs} behind ${previous}`);
      previous = timestampMs;
    }
    if (previous !== Math.max(-1, ...batches.map((it) => it.header.maxTimestampMs))) problems.push(`${name}: the last time entry is ${previous}`);
  }
  return problems;
}
