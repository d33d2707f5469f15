import { readBatchHeader, wholeBatchSizeAt } from '@millrace/records';
import type { Offset } from '@millrace/foundation';
import type { LogFile, SimulatedDisk } from '../disk/simulated-disk.js';

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
  readonly batches: ObservedBatch[];
  scannedBytes: number;
  /** Where the last whole batch begins. */
  lastAt: number;
}

/** Reads the logs on one disk as they grow, knowing nothing of the broker that writes them. */
export class LogObserver {
  private readonly scanned = new Map<string, ScannedFile>();

  constructor(private readonly disk: SimulatedDisk) {}

  /** Whole batches of every log, by the name of its folder, in order. */
  look(): Map<string, ObservedBatch[]> {
    const logs = new Map<string, ObservedBatch[]>();
    for (const [folder, files] of this.disk.logFiles()) {
      const parts = files.map((it) => this.scan(it));
      logs.set(folder, parts.length === 1 && parts[0] !== undefined ? parts[0] : parts.flat());
    }
    return logs;
  }

  private scan({ path, bytes }: LogFile): ObservedBatch[] {
    let file = this.scanned.get(path);
    if (file === undefined || bytes.length < file.scannedBytes || !isUnchanged(file, bytes)) this.scanned.set(path, (file = { batches: [], scannedBytes: 0, lastAt: -1 }));
    for (let at = file.scannedBytes; ; ) {
      const size = sizeAt(bytes, at);
      if (size === 0) return file.batches;
      const it = readBatchHeader(bytes, at);
      file.batches.push({ baseOffset: it.baseOffset, lastOffset: it.lastOffset, leaderEpoch: it.leaderEpoch, crc: it.crc, producerId: it.producerId, producerEpoch: it.producerEpoch, baseSequence: it.baseSequence, isControl: it.isControl });
      file.lastAt = at;
      at += size;
      file.scannedBytes = at;
    }
  }
}

/** Of a log that was cut and has grown again, the last batch is another one. */
function isUnchanged(file: ScannedFile, bytes: Uint8Array): boolean {
  const last = file.batches.at(-1);
  if (last === undefined) return true;
  if (sizeAt(bytes, file.lastAt) === 0) return false;
  const now = readBatchHeader(bytes, file.lastAt);
  return now.baseOffset === last.baseOffset && now.crc === last.crc && now.leaderEpoch === last.leaderEpoch;
}

/** 0 when no whole batch is there, as behind a torn write. */
function sizeAt(bytes: Uint8Array, at: number): number {
  if (bytes.length - at < 61 || bytes[at + 16] !== 2) return 0;
  return wholeBatchSizeAt(bytes, at);
}
