import type { FilePosition, Offset } from '@millrace/foundation';

const FIRST_BLOCK_BYTES = 16 * 1024;
const BLOCK_BYTES_MAX = 1024 * 1024;

/** Memory that is kept for the next block, so that a busy log does not make the collector work. */
const FREE_BLOCKS_MAX = 16;

/** A part of a segment's end, byte for byte as in the file. Filled once, front to back, so views of what is filled stay true until they are given back. */
export interface TailBlock {
  readonly segmentBaseOffset: Offset;
  /** Base offset of the block's first batch. */
  readonly firstOffset: Offset;
  readonly filePosition: FilePosition;
  readonly bytes: Uint8Array;
  /** How many bytes are filled. */
  length: number;
  /** Views that were handed out and not given back: the memory is used again only when there are none. */
  readers: number;
}

/** The bound on what all tails of a process keep in memory. The oldest block of any log goes first. */
export class TailMemory {
  private readonly blocks: { readonly owner: Tail; readonly block: TailBlock }[] = [];
  private readonly free: Uint8Array[] = [];
  private head = 0;
  private held = 0;

  constructor(private readonly bytesMax: number) {}

  get heldBytes(): number {
    return this.held;
  }

  /** So that many logs can be in memory at once. */
  get blockBytesMax(): number {
    return Math.max(4096, Math.min(BLOCK_BYTES_MAX, Math.floor(this.bytesMax / 16)));
  }

  get isOff(): boolean {
    return this.bytesMax === 0;
  }

  /** @internal */
  allocate(bytes: number): Uint8Array {
    return (bytes === BLOCK_BYTES_MAX ? this.free.pop() : undefined) ?? Buffer.allocUnsafeSlow(bytes);
  }

  /** @internal */
  add(owner: Tail, block: TailBlock): void {
    this.blocks.push({ owner, block });
    this.held += block.bytes.length;
    while (this.held > this.bytesMax && this.head < this.blocks.length) {
      const oldest = this.blocks[this.head]!;
      this.head += 1;
      this.held -= oldest.block.bytes.length;
      oldest.owner.forget(oldest.block);
      this.recycle(oldest.block);
    }
    if (this.head > 1024 && this.head * 2 > this.blocks.length) {
      this.blocks.splice(0, this.head);
      this.head = 0;
    }
  }

  /** Blocks that their owner dropped: only their size counts, they are skipped when their turn comes. @internal */
  release(dropped: readonly TailBlock[]): void {
    if (dropped.length === 0) return;
    const gone = new Set(dropped);
    let kept = this.head;
    for (let i = this.head; i < this.blocks.length; i++) {
      const it = this.blocks[i]!;
      if (gone.has(it.block)) this.held -= it.block.bytes.length;
      else this.blocks[kept++] = it;
    }
    this.blocks.length = kept;
    for (const block of dropped) this.recycle(block);
  }

  private recycle(block: TailBlock): void {
    if (block.readers === 0 && block.bytes.length === BLOCK_BYTES_MAX && this.free.length < FREE_BLOCKS_MAX) this.free.push(block.bytes);
  }
}

/** The last appended bytes of one log. Readers at the tail (consumers, followers) are served from here and never touch the disk. */
export class Tail {
  private blocks: TailBlock[] = [];
  private blockBytes = FIRST_BLOCK_BYTES;

  constructor(private readonly memory: TailMemory) {}

  /** `bytes` are copied: whole batches that stand at `filePosition` of the segment. */
  append(segmentBaseOffset: Offset, filePosition: FilePosition, firstOffset: Offset, bytes: Uint8Array): void {
    if (this.memory.isOff) return;
    let block = this.blocks.at(-1);
    if (block === undefined || block.segmentBaseOffset !== segmentBaseOffset || block.filePosition + block.length !== filePosition || block.length + bytes.length > block.bytes.length) {
      block = { segmentBaseOffset, firstOffset, filePosition, bytes: this.memory.allocate(Math.max(Math.min(this.blockBytes, this.memory.blockBytesMax), bytes.length)), length: 0, readers: 0 };
      if (this.blockBytes < BLOCK_BYTES_MAX && this.blocks.length > 0) this.blockBytes *= 2;
      this.blocks.push(block);
      this.memory.add(this, block);
    }
    block.bytes.set(bytes, block.length);
    block.length += bytes.length;
  }

  /** The block in which the batch with this offset stands, if it is still held. */
  find(offset: Offset): TailBlock | undefined {
    for (let i = this.blocks.length - 1; i >= 0; i--) {
      const block = this.blocks[i]!;
      if (block.firstOffset <= offset) return block;
    }
    return undefined;
  }

  /** Forgets what stands in segments that begin below: their files are others now. */
  dropBelow(segmentBaseOffset: Offset): void {
    const dropped = this.blocks.filter((it) => it.segmentBaseOffset < segmentBaseOffset);
    this.memory.release(dropped);
    if (dropped.length > 0) this.blocks = this.blocks.slice(dropped.length);
  }

  clear(): void {
    this.memory.release(this.blocks);
    this.blocks = [];
  }

  /** @internal */
  forget(block: TailBlock): void {
    if (this.blocks[0] === block) this.blocks.shift();
  }
}
