import { readBatchHeader, wholeBatchSizeAt } from '@millrace/records';
import type { Offset } from '@millrace/foundation';
import type { LogFile, SimulatedDisk } from '../disk/simulated-disk.js';

const BATCH_HEADER_BYTES = 61;

/** What tells one batch from another. */
export interface ObservedBatch {
  readonly baseOffset: Offset;
  readonly lastOffset: Offset;
  readonly leaderEpoch: number;
  readonly crc: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly isControl: boolean;
}

interface ScannedFile {
  readonly path: string;
  scannedBytes: number;
  /** Where the last whole batch begins, and which it is. */
  lastAt: number;
  last: ObservedBatch | undefined;
}

interface ScannedLog {
  files: ScannedFile[];
  /** Only grows; another array once something before its end has changed. */
  batches: ObservedBatch[];
}

/** Reads the logs on one disk as they grow, knowing nothing of the broker that writes them. */
export class LogObserver {
  private readonly scanned = new Map<string, ScannedLog>();

  constructor(private readonly disk: SimulatedDisk) {}

  /** Whole batches of every log, by the name of its folder, in order. The array of a log is the same one as long as the log has only grown. */
  look(): Map<string, readonly ObservedBatch[]> {
    const logs = new Map<string, readonly ObservedBatch[]>();
    for (const [folder, files] of this.disk.logFiles()) logs.set(folder, this.take(folder, files));
    return logs;
  }

  /** As `look`, of one log. */
  lookAt(folder: string): readonly ObservedBatch[] {
    return this.take(folder, this.disk.logFilesOf(folder));
  }

  private take(folder: string, files: readonly LogFile[]): readonly ObservedBatch[] {
    let log = this.scanned.get(folder);
    if (log === undefined || !hasOnlyGrown(log, files)) this.scanned.set(folder, (log = { files: [], batches: [] }));
    for (let i = Math.max(0, log.files.length - 1); i < files.length; i++) scan(log, i, files[i]!);
    return log.batches;
  }
}

/** The batch that holds this offset, or the first one behind it. */
export function batchIndexAt(batches: readonly ObservedBatch[], offset: Offset): number {
  let low = 0;
  let high = batches.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (batches[middle]!.lastOffset < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function isSameBatch(a: ObservedBatch, b: ObservedBatch): boolean {
  return a.baseOffset === b.baseOffset && a.crc === b.crc && a.leaderEpoch === b.leaderEpoch;
}

function scan(log: ScannedLog, index: number, { path, bytes }: LogFile): void {
  const file = (log.files[index] ??= { path, scannedBytes: 0, lastAt: -1, last: undefined });
  for (;;) {
    const at = file.scannedBytes;
    const size = observedSizeAt(bytes, at);
    if (size === 0) return;
    const it = readBatchHeader(bytes, at);
    file.last = { baseOffset: it.baseOffset, lastOffset: it.lastOffset, leaderEpoch: it.leaderEpoch, crc: it.crc, producerId: it.producerId, producerEpoch: it.producerEpoch, baseSequence: it.baseSequence, isControl: it.isControl };
    log.batches.push(file.last);
    file.lastAt = at;
    file.scannedBytes = at + size;
  }
}

function hasOnlyGrown(log: ScannedLog, files: readonly LogFile[]): boolean {
  return log.files.every((file, i) => {
    const now = files[i];
    return now !== undefined && now.path === file.path && now.bytes.length >= file.scannedBytes && isUnchanged(file, now.bytes);
  });
}

/** Of a log that was cut and has grown again, the last batch is another one. */
function isUnchanged(file: ScannedFile, bytes: Uint8Array): boolean {
  const { last } = file;
  if (last === undefined) return true;
  if (observedSizeAt(bytes, file.lastAt) === 0) return false;
  const now = readBatchHeader(bytes, file.lastAt);
  return now.baseOffset === last.baseOffset && now.crc === last.crc && now.leaderEpoch === last.leaderEpoch;
}

/** 0 when no whole batch is there, as behind a torn write, which may have left any bytes. */
export function observedSizeAt(bytes: Uint8Array, at: number): number {
  if (bytes.length - at < BATCH_HEADER_BYTES || bytes[at + 16] !== 2) return 0;
  const length = new DataView(bytes.buffer, bytes.byteOffset + at).getInt32(8);
  return length < BATCH_HEADER_BYTES - 12 ? 0 : wholeBatchSizeAt(bytes, at);
}
