import type { LeaderEpoch, Offset } from '@millrace/foundation';
import { decodeCheckpoint, encodeCheckpoint } from '../fs/checkpoint-text.js';
import type { FileSystem } from '../fs/file-system.js';
import { readTextFile, replaceFile, replaceFileDurably } from '../fs/whole-file.js';
import type { EpochEndOffset } from './contract.js';

export const LEADER_EPOCH_FILE = 'leader-epoch-checkpoint';

export interface EpochStart {
  readonly epoch: LeaderEpoch;
  readonly startOffset: Offset;
}

/** Which leader epoch began where. Invariant 4: both strictly increase from entry to entry. */
export class LeaderEpochs {
  private starts: EpochStart[] = [];
  private isUnwritten = false;
  private isUnsynced = false;
  private isSyncing = false;

  constructor(private readonly fileSystem: FileSystem, private readonly path: string) {}

  /** False when the file is missing or cannot be right: the epochs stand in the log's batches as well. */
  load(): boolean {
    const starts = parse(readTextFile(this.fileSystem, this.path));
    this.starts = starts ?? [];
    this.isUnwritten = starts === undefined;
    return starts !== undefined;
  }

  get all(): readonly EpochStart[] {
    return this.starts;
  }

  get latest(): EpochStart | undefined {
    return this.starts.at(-1);
  }

  /** In memory. The file follows with `writeOut`; until then the batches themselves tell. */
  assign(epoch: LeaderEpoch, startOffset: Offset): void {
    const latest = this.latest;
    if (epoch < 0 || (latest !== undefined && latest.epoch === epoch && startOffset >= latest.startOffset)) return;
    while (this.starts.length > 0) {
      const last = this.starts[this.starts.length - 1]!;
      if (last.epoch < epoch && last.startOffset < startOffset) break;
      this.starts.pop();
    }
    this.starts.push({ epoch, startOffset });
    this.isUnwritten = this.isUnsynced = true;
  }

  epochAt(offset: Offset): LeaderEpoch {
    for (let i = this.starts.length - 1; i >= 0; i--) if (this.starts[i]!.startOffset <= offset) return this.starts[i]!.epoch;
    return -1;
  }

  endOffsetFor(epoch: LeaderEpoch, logEndOffset: Offset): EpochEndOffset {
    const latest = this.latest;
    if (latest === undefined || epoch < 0 || epoch > latest.epoch) return { epoch: -1, endOffset: -1 };
    if (epoch === latest.epoch) return { epoch, endOffset: logEndOffset };
    const next = this.starts.findIndex((it) => it.epoch > epoch);
    const endOffset = this.starts[next]!.startOffset;
    return { epoch: next === 0 ? epoch : this.starts[next - 1]!.epoch, endOffset };
  }

  /** Forgets epochs that begin at `endOffset` or behind it. */
  truncateFromEnd(endOffset: Offset): void {
    const kept = this.starts.filter((it) => it.startOffset < endOffset);
    if (kept.length < this.starts.length) this.replace(kept);
  }

  /** The epoch of `startOffset` begins there now; earlier ones go. */
  truncateFromStart(startOffset: Offset): void {
    const at = this.starts.findLastIndex((it) => it.startOffset <= startOffset);
    if (at < 0 || (at === 0 && this.starts[0]!.startOffset === startOffset)) return;
    this.replace([{ epoch: this.starts[at]!.epoch, startOffset }, ...this.starts.slice(at + 1)]);
  }

  /** Puts epochs in front that were found in the log; one that goes on in the first known entry begins earlier now. */
  prepend(earlier: readonly EpochStart[]): void {
    const first = this.starts[0];
    const before = earlier.filter((it) => first === undefined || (it.epoch <= first.epoch && it.startOffset < first.startOffset));
    if (before.length === 0) return;
    this.replace([...before, ...(first !== undefined && before.at(-1)?.epoch === first.epoch ? this.starts.slice(1) : this.starts)]);
  }

  /** Not while `sync` is under way, which writes what comes meanwhile too. */
  get isWriteDue(): boolean {
    return this.isUnwritten && !this.isSyncing;
  }

  writeOut(): void {
    if (!this.isWriteDue) return;
    replaceFile(this.fileSystem, this.path, this.encode());
    this.isUnwritten = false;
    this.isUnsynced = true;
  }

  async sync(): Promise<void> {
    this.isSyncing = true;
    try {
      while (this.isUnwritten || this.isUnsynced) {
        this.isUnwritten = this.isUnsynced = false;
        await replaceFileDurably(this.fileSystem, this.path, this.encode());
      }
    } finally {
      this.isSyncing = false;
    }
  }

  private replace(starts: EpochStart[]): void {
    this.starts = starts;
    this.isUnwritten = this.isUnsynced = true;
  }

  private encode(): Uint8Array {
    return Buffer.from(encodeCheckpoint(this.starts.map((it) => `${it.epoch} ${it.startOffset}`)));
  }
}

function parse(text: string | undefined): EpochStart[] | undefined {
  const lines = text === undefined ? undefined : decodeCheckpoint(text);
  if (lines === undefined) return undefined;
  const starts: EpochStart[] = [];
  for (const line of lines) {
    const match = /^(\d{1,10}) (\d{1,16})$/.exec(line);
    if (match === null) return undefined;
    const start = { epoch: Number(match[1]), startOffset: Number(match[2]) };
    const previous = starts.at(-1);
    if (previous !== undefined && (start.epoch <= previous.epoch || start.startOffset <= previous.startOffset)) return undefined;
    starts.push(start);
  }
  return starts;
}
