import type { CompressionType, Offset } from '@millrace/foundation';
import { batchesOf, RecordBatchBuilder, recordsOf, type DecodedRecord } from '@millrace/records';
import { SeededRandom } from '@millrace/testkit';
import { cleanableRange, cleanLog, planCleaning, type CleanedGroup, type CleaningResult, type FileSystem, type PartitionLog } from '../src/index.js';
import { codecs, marker, readAll, START_MS } from './log-fixture.js';

export interface KeyedRecord {
  /** null: none */
  readonly key: string | null;
  /** null: a tombstone */
  readonly value: string | null;
}

export interface KeyedBatchShape {
  readonly baseOffset: Offset;
  readonly records: readonly KeyedRecord[];
  readonly timestampMs?: number;
  readonly compression?: CompressionType;
  readonly producer?: { readonly id: number; readonly epoch?: number; readonly sequence: number; readonly isTransactional?: boolean };
}

export function keyedBatch({ baseOffset, records, timestampMs = START_MS + baseOffset, compression, producer }: KeyedBatchShape): Uint8Array {
  const builder = new RecordBatchBuilder();
  records.forEach((it, i) => builder.append(it.key === null ? null : Buffer.from(it.key), it.value === null ? null : Buffer.from(it.value), timestampMs + i));
  const identity = producer === undefined ? {} : { producerId: producer.id, producerEpoch: producer.epoch ?? 0, baseSequence: producer.sequence, isTransactional: producer.isTransactional ?? false };
  return builder.build({ codecs, compression, baseOffset, leaderEpoch: 0, ...identity });
}

export interface CleanOptions {
  readonly fileSystem: FileSystem;
  readonly nowMs: number;
  readonly cleanedOffset?: Offset;
  readonly lastStableOffset?: Offset;
  readonly mapBytes?: number;
  readonly onGroup?: (group: CleanedGroup) => Promise<void>;
}

/** What the broker does when a log is due: plans, rewrites, puts each group in its place. Undefined: there was nothing to clean. */
export async function cleanNow(log: PartitionLog, options: CleanOptions): Promise<CleaningResult | undefined> {
  const { fileSystem, nowMs, cleanedOffset } = options;
  const range = cleanableRange(log, { cleanedOffset, lastStableOffset: options.lastStableOffset ?? log.firstUnstableOffset ?? log.logEndOffset, nowMs });
  if (range === undefined) return undefined;
  await log.flush(range.firstUncleanableOffset);
  const job = planCleaning(log, range, { fileSystem, random: new SeededRandom(nowMs), nowMs, decompressedBytesMax: 1_000_000 });
  return cleanLog(job, {
    fileSystem,
    codecs,
    clock: { nowMs: () => nowMs, monotonicMs: () => 0 },
    mapBytes: options.mapBytes ?? 1_000_000,
    mapLoadFactor: 0.9,
    pace: () => undefined,
    onGroup: async (group) => {
      await options.onGroup?.(group);
      expect(await log.replaceSegments(group)).toBe(true);
    },
  });
}

export interface Survivor {
  readonly offset: Offset;
  readonly key: string | null;
  readonly value: string | null;
  readonly timestampMs: number;
}

export function survivor(it: DecodedRecord): Survivor {
  const text = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString());
  return { offset: it.offset, key: text(it.key), value: text(it.value), timestampMs: it.timestampMs };
}

/** All data records in the log, aborted ones included. */
export async function survivors(log: PartitionLog): Promise<Survivor[]> {
  const bytes = await readAll(log, { offset: log.segments[0]!.baseOffset });
  return [...batchesOf(bytes)].filter((it) => !it.header.isControl).flatMap(({ position }) => [...recordsOf(bytes, codecs, { position, decompressedBytesMax: 1_000_000 })].map(survivor));
}

export interface Workload {
  /** Every record that was appended, and whether its transaction was aborted (filled in when it ends). */
  readonly records: (Survivor & { isAborted: boolean })[];
}

const CODECS: readonly (CompressionType | undefined)[] = [undefined, undefined, 'gzip', 'lz4', 'snappy', 'zstd'];

/** Appends batches of keyed records, tombstones, transactions that commit and abort; the same for the same seed. Every transaction is ended. */
export function appendWorkload(log: PartitionLog, random: SeededRandom, options: { readonly batches: number; readonly keys: number; readonly hasTransactions?: boolean; readonly workload?: Workload }): Workload {
  const workload = options.workload ?? { records: [] };
  const sequences = new Map<number, number>();
  for (const state of log.producers.all()) sequences.set(state.producerId, (state.batches.at(-1)?.lastSequence ?? -1) + 1);
  const open = new Map<number, (Survivor & { isAborted: boolean })[]>();
  const end = (id: number): void => {
    const isCommit = random.integer(2) === 0;
    log.append(marker({ baseOffset: log.logEndOffset, producerId: id, isCommit }));
    if (!isCommit) for (const it of open.get(id) ?? []) it.isAborted = true;
    open.delete(id);
  };
  for (let i = 0; i < options.batches; i++) {
    const id = random.integer(4);
    const isTransactional = options.hasTransactions === true && id >= 2;
    if (open.has(id) && random.integer(3) === 0) {
      end(id);
      continue;
    }
    const baseOffset = log.logEndOffset;
    const records = Array.from({ length: 1 + random.integer(5) }, () => ({ key: `key-${random.integer(options.keys)}`, value: random.integer(5) === 0 ? null : `value-${baseOffset}-${random.integer(1000)}`.padEnd(random.integer(60), '.') }));
    const sequence = sequences.get(id) ?? 0;
    const producer = id === 0 ? {} : { producer: { id, sequence, isTransactional } };
    log.append(keyedBatch({ baseOffset, records, compression: CODECS[random.integer(CODECS.length)]!, ...producer }));
    sequences.set(id, sequence + records.length);
    const noted = records.map((it, at) => ({ ...it, offset: baseOffset + at, timestampMs: START_MS + baseOffset + at, isAborted: false }));
    workload.records.push(...noted);
    if (isTransactional) open.set(id, [...(open.get(id) ?? []), ...noted]);
  }
  for (const id of [...open.keys()]) end(id);
  log.onHighWatermark(log.logEndOffset);
  return workload;
}

/** Of each key the last value that was not aborted; keys whose last record is a tombstone are not in it. */
export function lastValues(records: readonly (Survivor & { isAborted?: boolean })[]): Map<string, string> {
  const values = new Map<string, string>();
  for (const it of records) {
    if (it.isAborted === true || it.key === null) continue;
    if (it.value === null) values.delete(it.key);
    else values.set(it.key, it.value);
  }
  return values;
}
