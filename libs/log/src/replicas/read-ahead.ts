import type { Offset } from '@millrace/foundation';
import type { PartitionLog, ReadRequest, ReadResult } from '@millrace/storage';

/** Consumers of one partition whose next read is kept ready. */
const READERS_MAX = 4;
/** What is not asked for within this time is given back. */
const KEPT_MS = 5000;

/** Bounds what all partitions of a broker read ahead. */
export class ReadAheadBudget {
  private held = 0;

  constructor(private readonly bytesMax: number) {}

  reserve(bytes: number): boolean {
    if (this.held + bytes > this.bytesMax) return false;
    this.held += bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.held -= bytes;
  }
}

interface Ahead {
  readonly maxBytes: number;
  readonly read: Promise<ReadResult | undefined>;
  /** Once it is there. */
  result: ReadResult | undefined;
  readonly startedMs: number;
}

/**
 * A consumer that reads from the disk asks for one stretch after the other. While it digests one, the next is read, so that its next request is answered without
 * a trip to the thread pool. What memory can answer is never read ahead.
 */
export class ReadAhead {
  private readonly aheadByOffset = new Map<Offset, Ahead>();

  constructor(
    /** The partition's log as it is now: it may be replaced by its like in another directory. */
    private readonly logNow: () => PartitionLog,
    private readonly budget: ReadAheadBudget,
    private readonly nowMs: () => number,
  ) {}

  private get log(): PartitionLog {
    return this.logNow();
  }

  read(request: ReadRequest): ReadResult | Promise<ReadResult> {
    const ahead = this.aheadByOffset.get(request.offset);
    if (ahead !== undefined) {
      this.forget(request.offset, ahead);
      if (ahead.maxBytes <= request.maxBytes) return this.serve(ahead, request);
      this.drop(ahead);
    }
    const read = this.log.read(request);
    return read instanceof Promise ? read.then((it) => this.readOn(request, it)) : read;
  }

  /** The log was cut, or the partition goes. */
  clear(): void {
    for (const [offset, ahead] of this.aheadByOffset) {
      this.forget(offset, ahead);
      this.drop(ahead);
    }
  }

  dropStale(): void {
    const beforeMs = this.nowMs() - KEPT_MS;
    for (const [offset, ahead] of this.aheadByOffset) {
      if (ahead.startedMs > beforeMs) continue;
      this.forget(offset, ahead);
      this.drop(ahead);
    }
  }

  private serve(ahead: Ahead, request: ReadRequest): ReadResult | Promise<ReadResult> {
    if (ahead.result !== undefined) return this.checked(ahead.result, request);
    return ahead.read.then((it) => (it === undefined ? this.log.read(request) : this.checked(it, request)));
  }

  /** What was read ahead may not say more than the request may see, nor be larger than it wants. */
  private checked(result: ReadResult, request: ReadRequest): ReadResult | Promise<ReadResult> {
    const isVisible = request.maxOffset === undefined || result.nextOffset <= request.maxOffset;
    const doesFit = result.bytes.length <= request.maxBytes || request.minOneBatch === true;
    if (isVisible && doesFit && result.bytes.length > 0) return this.readOn(request, result);
    result.release();
    return this.log.read(request);
  }

  private readOn(request: ReadRequest, result: ReadResult): ReadResult {
    const offset = result.nextOffset;
    const end = request.maxOffset ?? this.log.logEndOffset;
    if (result.bytes.length === 0 || offset >= end || this.aheadByOffset.has(offset)) return result;
    if (this.aheadByOffset.size >= READERS_MAX || !this.budget.reserve(request.maxBytes)) return result;
    const ahead: Ahead = { maxBytes: request.maxBytes, startedMs: this.nowMs(), result: undefined, read: this.start(request, offset) };
    this.aheadByOffset.set(offset, ahead);
    void ahead.read.then((it) => (ahead.result = it));
    return result;
  }

  /** A failure is not told here: the request that comes meets it by itself. */
  private async start(request: ReadRequest, offset: Offset): Promise<ReadResult | undefined> {
    try {
      return await this.log.read({ ...request, offset, minOneBatch: true });
    } catch {
      return undefined;
    }
  }

  private forget(offset: Offset, ahead: Ahead): void {
    this.aheadByOffset.delete(offset);
    this.budget.giveBack(ahead.maxBytes);
  }

  private drop(ahead: Ahead): void {
    void ahead.read.then((it) => it?.release());
  }
}
