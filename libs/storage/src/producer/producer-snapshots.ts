import { errorMessage, hasCode, type Crc32c, type Logger, type Offset } from '@millrace/foundation';
import type { FileSystem } from '../fs/file-system.js';
import { readWholeFile, replaceFile, syncFile } from '../fs/whole-file.js';
import { offsetFileName, SNAPSHOT_SUFFIX } from '../segment/segment-names.js';
import { decodeProducerSnapshot, encodeProducerSnapshot } from './producer-snapshot.js';
import type { ProducerState } from './producer-state-table.js';

/** The snapshot files of one log: each holds the producers' state of all that stands below the offset in its name. */
export class ProducerSnapshots {
  private offsets: Offset[];
  private unsynced: Offset[] = [];

  constructor(private readonly fileSystem: FileSystem, private readonly folder: string, private readonly crc32c: Crc32c, private readonly logger: Logger, found: readonly Offset[]) {
    this.offsets = [...found].sort((a, b) => a - b);
  }

  get latestOffset(): Offset | undefined {
    return this.offsets.at(-1);
  }

  /** The latest that is not above `offset` and can be read. One that cannot is removed. */
  loadLatest(offset: Offset): { readonly offset: Offset; readonly states: ProducerState[] } | undefined {
    for (const candidate of this.offsets.filter((it) => it <= offset).reverse()) {
      try {
        const bytes = readWholeFile(this.fileSystem, this.path(candidate));
        if (bytes !== undefined) return { offset: candidate, states: decodeProducerSnapshot(bytes, this.crc32c) };
      } catch (error) {
        if (!hasCode(error, 'MALFORMED_BYTES')) throw error;
        this.logger.warn({ snapshot: this.path(candidate), problem: errorMessage(error) }, 'producer snapshot cannot be read and is removed; the state is rebuilt from the log');
      }
      this.remove((it) => it === candidate);
    }
    return undefined;
  }

  write(offset: Offset, states: Iterable<Readonly<ProducerState>>): void {
    replaceFile(this.fileSystem, this.path(offset), encodeProducerSnapshot(states, this.crc32c));
    if (!this.offsets.includes(offset)) this.offsets = [...this.offsets, offset].sort((a, b) => a - b);
    this.unsynced.push(offset);
  }

  async sync(): Promise<void> {
    const offsets = this.unsynced;
    this.unsynced = [];
    for (const offset of offsets) if (this.offsets.includes(offset)) await syncFile(this.fileSystem, this.path(offset));
  }

  /** As Kafka: those at a segment's base and the latest of all stay. */
  keepFor(segmentBases: ReadonlySet<Offset>): void {
    const latest = this.latestOffset;
    this.remove((it) => it !== latest && !segmentBases.has(it));
  }

  remove(where: (offset: Offset) => boolean): void {
    const kept: Offset[] = [];
    for (const offset of this.offsets) {
      if (where(offset)) this.fileSystem.remove(this.path(offset));
      else kept.push(offset);
    }
    this.offsets = kept;
  }

  private path(offset: Offset): string {
    return `${this.folder}/${offsetFileName(offset, SNAPSHOT_SUFFIX)}`;
  }
}
