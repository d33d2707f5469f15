import { invariant, type Offset } from '@millrace/foundation';
import type { CleanerMemory } from './cleaner-memory.js';
import type { KeyHash } from './key-hash.js';

/** Bytes per key: 96 bits of its hash, and an offset of 32 bits. */
const OFFSET_MAP_ENTRY_BYTES = 16;
/** Offsets are kept relative to the first one that the map may hold; 0 marks an empty slot. */
export const OFFSET_MAP_SPAN_MAX = 4294967294;
const WORDS = 4;
/** One typed array holds 2^32 - 1 elements at the most, and indexes are wanted small. */
const SLOTS_MAX = 0x7ffffff;

/**
 * The last offset of each key, in a fixed amount of memory: one typed array of 16 bytes a slot, open addressing, neighbours probed in turn. Keys are told apart by 96 bits of a
 * keyed hash: among 10 million keys the chance that any two agree is below 10^-15.
 */
export class OffsetMap {
  private readonly words: Int32Array;
  private readonly slots: number;
  private readonly sizeMax: number;
  private count = 0;

  /** `keysMax`: more are never put; with less memory than they need `isFull` comes earlier. */
  constructor(private readonly hash: KeyHash, private readonly baseOffset: Offset, options: { readonly memory: CleanerMemory; readonly memoryBytes: number; readonly loadFactor: number; readonly keysMax: number }) {
    const affordable = Math.min(Math.floor(options.memoryBytes / OFFSET_MAP_ENTRY_BYTES), SLOTS_MAX);
    this.slots = Math.max(2, Math.min(affordable, Math.ceil(options.keysMax / options.loadFactor) + 1));
    // One slot stays empty: a search ends there.
    this.sizeMax = Math.min(Math.floor(this.slots * options.loadFactor), this.slots - 1);
    invariant(this.sizeMax >= 1, 'an offset map holds at least one key');
    this.words = options.memory.takeWords(this.slots * WORDS);
  }

  get size(): number {
    return this.count;
  }

  get isFull(): boolean {
    return this.count >= this.sizeMax;
  }

  /** How much of what it may hold is used, 0 to 1. */
  get utilization(): number {
    return this.count / this.sizeMax;
  }

  /** Offsets come in order: the latest wins. The map must not be full. */
  put(bytes: Uint8Array, start: number, end: number, offset: Offset): void {
    const { words } = this;
    const at = this.find(bytes, start, end);
    if (words[at + 3] === 0) {
      this.count += 1;
      words[at] = this.hash.h0;
      words[at + 1] = this.hash.h1;
      words[at + 2] = this.hash.h2;
    }
    words[at + 3] = (offset - this.baseOffset + 1) | 0;
  }

  /** -1 for a key that was not put. */
  get(bytes: Uint8Array, start: number, end: number): Offset {
    const relative = this.words[this.find(bytes, start, end) + 3]!;
    return relative === 0 ? -1 : this.baseOffset + (relative >>> 0) - 1;
  }

  /** The slot of the key, or the empty one where it belongs. */
  private find(bytes: Uint8Array, start: number, end: number): number {
    const { hash, words } = this;
    hash.of(bytes, start, end);
    const { h0, h1, h2 } = hash;
    const limit = words.length;
    let at = ((hash.h3 >>> 0) % this.slots) * WORDS;
    while (words[at + 3] !== 0 && (words[at] !== h0 || words[at + 1] !== h1 || words[at + 2] !== h2)) {
      at += WORDS;
      if (at === limit) at = 0;
    }
    return at;
  }
}
