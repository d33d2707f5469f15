import { OperationalError, type Crc32c, type Offset } from '@millrace/foundation';
import { BATCH_HEADER_BYTES, batchLastOffsetAt, batchSizeAt, isBatchCrcValid } from '@millrace/records';
import type { OpenFile } from '../fs/file-system.js';
import { frameProblem } from '../segment/batch-scan.js';
import type { CleanerMemory } from './cleaner-memory.js';

/** The batches of one segment file, in order, each checked with its CRC: `await read()` for a run of them, `next()` for one after the other. */
export class BatchSource {
  /** The batch at hand begins at `at` in `bytes`; both change with `next` and `read`. */
  bytes: Uint8Array = new Uint8Array(0);
  at = 0;
  private nextAt = 0;
  private length = 0;
  private position = 0;
  private nextOffset: Offset;

  constructor(private readonly file: OpenFile, private readonly memory: CleanerMemory, private readonly options: { readonly to: number; readonly baseOffset: Offset; readonly crc32c: Crc32c }) {
    this.nextOffset = options.baseOffset;
  }

  /** How many bytes came; 0 at the end. Throws `CORRUPT_MESSAGE` for bytes that are no batch. */
  async read(): Promise<number> {
    const { to } = this.options;
    this.position += this.nextAt;
    this.nextAt = this.length = 0;
    const left = to - this.position;
    if (left === 0) return 0;
    this.bytes = this.memory.takeReadBuffer(BATCH_HEADER_BYTES);
    this.length = await this.file.read(this.bytes.subarray(0, Math.min(this.bytes.length, left)), this.position);
    if (this.length < BATCH_HEADER_BYTES) throw this.corrupt(0, `${this.length} bytes are no batch header`);
    const size = batchSizeAt(this.bytes, 0);
    if (size > left) throw this.corrupt(0, `the batch has ${size} bytes, ${left} are there`);
    if (size > this.bytes.length) {
      this.bytes = this.memory.takeReadBuffer(size);
      this.length = await this.file.read(this.bytes.subarray(0, size), this.position);
    }
    if (size > this.length) throw this.corrupt(0, `the batch has ${size} bytes, ${this.length} are there`);
    return this.length;
  }

  next(): boolean {
    const { bytes, options } = this;
    const at = this.nextAt;
    if (this.length - at < BATCH_HEADER_BYTES) return false;
    const problem = frameProblem(bytes, at, this.nextOffset, options.baseOffset);
    if (problem !== undefined) throw this.corrupt(at, problem);
    const size = batchSizeAt(bytes, at);
    if (at + size > this.length) return false;
    if (!isBatchCrcValid(bytes, at, options.crc32c)) throw this.corrupt(at, 'wrong CRC');
    this.at = at;
    this.nextAt = at + size;
    this.nextOffset = batchLastOffsetAt(bytes, at) + 1;
    return true;
  }

  private corrupt(at: number, problem: string): OperationalError {
    return new OperationalError('CORRUPT_MESSAGE', `batch at ${this.position + at} of ${this.file.path} cannot be cleaned: ${problem}`);
  }
}
