import type { Random } from '@millrace/foundation';

export interface PartitionQuestion {
  readonly topic: string;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly partitionCount: number;
  /** Partitions that have a leader at the moment; may be empty. */
  readonly available: readonly number[];
}

/** Returns a partition, from 0 to partitionCount - 1. */
export type PartitionFunction = (question: PartitionQuestion) => number;

/**
 * `default`: by the key's hash as Java does it, sticky without a key. `sticky`: without regard to keys. `roundRobin`: one after the
 * other. A function decides for each record.
 */
export type Partitioner = 'default' | 'sticky' | 'roundRobin' | PartitionFunction;

/** Java's `Utils.murmur2`: 32 bits, signed. */
export function murmur2(bytes: Uint8Array): number {
  const length = bytes.length;
  let hash = 0x9747b28c ^ length;
  const wide = length & ~3;
  for (let i = 0; i < wide; i += 4) {
    let k = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    k = Math.imul(k, 0x5bd1e995);
    k ^= k >>> 24;
    hash = Math.imul(hash, 0x5bd1e995) ^ Math.imul(k, 0x5bd1e995);
  }
  const rest = length & 3;
  if (rest >= 3) hash ^= bytes[wide + 2]! << 16;
  if (rest >= 2) hash ^= bytes[wide + 1]! << 8;
  if (rest >= 1) hash = Math.imul(hash ^ bytes[wide]!, 0x5bd1e995);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0x5bd1e995);
  return hash ^ (hash >>> 15);
}

/** Where Java's producer puts a record with this key. */
export function partitionForKey(key: Uint8Array, partitionCount: number): number {
  return (murmur2(key) & 0x7fffffff) % partitionCount;
}

/** The choice for one topic; keeps what the strategies remember. */
export class TopicPartitioner {
  private stickyPartition = -1;
  private stickyBytes = 0;
  private turn: number;

  constructor(
    private readonly topic: string,
    private readonly partitioner: Partitioner,
    /** A sticky partition is left once it was given this many bytes. */
    private readonly stickyBytesMax: number,
    private readonly random: Random,
  ) {
    this.turn = random.integer(0x7fffffff);
  }

  choose(key: Uint8Array | null, value: Uint8Array | null, bytes: number, partitionCount: number, available: readonly number[]): number {
    if (typeof this.partitioner === 'function') return this.partitioner({ topic: this.topic, key, value, partitionCount, available });
    if (partitionCount === 1) return 0;
    if (this.partitioner === 'roundRobin') return this.nextInTurn(partitionCount, available);
    if (key !== null && this.partitioner === 'default') return partitionForKey(key, partitionCount);
    return this.sticky(bytes, partitionCount, available);
  }

  private nextInTurn(partitionCount: number, available: readonly number[]): number {
    this.turn = (this.turn + 1) & 0x7fffffff;
    return available.length === 0 ? this.turn % partitionCount : available[this.turn % available.length]!;
  }

  private sticky(bytes: number, partitionCount: number, available: readonly number[]): number {
    if (this.stickyPartition < 0 || this.stickyBytes >= this.stickyBytesMax) {
      this.stickyPartition = available.length === 0 ? this.random.integer(partitionCount) : available[this.random.integer(available.length)]!;
      this.stickyBytes = 0;
    }
    this.stickyBytes += bytes;
    return this.stickyPartition;
  }
}
