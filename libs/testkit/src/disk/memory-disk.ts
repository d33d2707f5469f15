import type { Random } from '@millrace/foundation';

/** What a disk needs of chance. */
export type Dice = Pick<Random, 'integer'>;

/** What a disk writes in one piece or not at all. */
const SECTOR_BYTES = 512;

/** A sync under way: what it will have made durable is the content at its beginning. */
export interface PendingSync {
  readonly number: number;
  readonly bytes: number;
  /** How many of these have not been changed since. */
  intactBytes: number;
  /** Of all of them, once some were changed. */
  copy: Buffer | undefined;
}

/** A file's content as the operating system has it, and as the platter has it. */
export class Inode {
  content: Buffer = Buffer.alloc(0);
  bytes = 0;
  modifiedMs = 0;
  private durableBytes = 0;
  /** How many of the durable bytes have not been changed or cut off since. Those that were may be there again after a loss of power. */
  private intactBytes = 0;
  /** What the platter has, once it is no longer the beginning of the content: most files only grow, and need no copy. */
  private platter: Buffer | undefined;
  private readonly pendingSyncs = new Set<PendingSync>();
  private syncsBegun = 0;
  private lastSyncEnded = 0;

  /** Writes at the end, or over what stands behind `position`. */
  append(bytes: Uint8Array, position = this.bytes): void {
    this.changesFrom(position);
    const end = position + bytes.length;
    if (end > this.content.length) {
      const larger = Buffer.alloc(Math.max(end, this.content.length * 2, 256));
      this.content.copy(larger, 0, 0, this.bytes);
      this.content = larger;
    }
    this.content.set(bytes, position);
    this.bytes = Math.max(this.bytes, end);
  }

  truncate(bytes: number): void {
    if (bytes > this.bytes) this.append(new Uint8Array(bytes - this.bytes));
    this.changesFrom(bytes);
    this.bytes = bytes;
  }

  /** What a loss of power now would leave for certain: a view. */
  get durableContent(): Uint8Array {
    return this.platter ?? this.content.subarray(0, this.durableBytes);
  }

  beginSync(): PendingSync {
    const sync: PendingSync = { number: (this.syncsBegun += 1), bytes: this.bytes, intactBytes: this.bytes, copy: undefined };
    this.pendingSyncs.add(sync);
    return sync;
  }

  /** Of two syncs that end in another order than they began, the later one's content stays. */
  makeDurable(sync: PendingSync): void {
    if (sync.number < this.lastSyncEnded) return;
    this.lastSyncEnded = sync.number;
    this.durableBytes = sync.bytes;
    this.intactBytes = sync.intactBytes;
    this.platter = sync.copy;
  }

  forgetSync(sync: PendingSync): void {
    this.pendingSyncs.delete(sync);
  }

  /** What is found when the machine comes up again. Of unsynced bytes all, some or none are there; the last of them, or any sectors among them, may read as zeroes. */
  afterPowerLoss(random: Dice): Inode {
    const survivor = new Inode();
    if (this.platter !== undefined && this.intactBytes < this.durableBytes && random.integer(2) === 0) {
      survivor.append(this.platter);
    } else {
      const synced = this.intactBytes;
      const unsynced = this.bytes - synced;
      const kept = synced + [0, unsynced, random.integer(unsynced + 1)][random.integer(3)]!;
      survivor.append(this.content.subarray(0, kept));
      if (kept > synced) survivor.tear(synced, kept, random);
    }
    survivor.modifiedMs = this.modifiedMs;
    survivor.makeDurable(survivor.beginSync());
    survivor.pendingSyncs.clear();
    return survivor;
  }

  /** Sectors are written in any order: what was not synced may have holes. */
  private tear(from: number, to: number, random: Dice): void {
    const pattern = random.integer(8);
    if (pattern < 2) this.content.fill(0, from + random.integer(to - from), to);
    if (pattern !== 2) return;
    for (let sector = from; sector < to; ) {
      const end = Math.min(to, sector - (sector % SECTOR_BYTES) + SECTOR_BYTES);
      if (random.integer(2) === 0) this.content.fill(0, sector, end);
      sector = end;
    }
  }

  /** What another process finds after this one was killed: everything. */
  afterKill(): Inode {
    const survivor = new Inode();
    survivor.append(this.content.subarray(0, this.bytes));
    survivor.modifiedMs = this.modifiedMs;
    survivor.durableBytes = this.durableBytes;
    survivor.intactBytes = this.intactBytes;
    survivor.platter = this.platter;
    return survivor;
  }

  private changesFrom(position: number): void {
    if (position < this.durableBytes) {
      this.platter ??= this.copyOf(this.durableBytes);
      this.intactBytes = Math.min(this.intactBytes, position);
    }
    for (const sync of this.pendingSyncs) {
      if (position >= sync.bytes) continue;
      sync.copy ??= this.copyOf(sync.bytes);
      sync.intactBytes = Math.min(sync.intactBytes, position);
    }
  }

  private copyOf(bytes: number): Buffer {
    return Buffer.from(this.content.subarray(0, bytes));
  }
}

/** A change of names that is not yet durable: replayed upon the durable names. `of` finds the file's content on the disk that the names are of. */
export interface NameChange {
  readonly folder: string;
  readonly apply: (names: Names, of: (inode: Inode) => Inode) => void;
}

/** Paths of files and of folders. */
export class Names {
  constructor(readonly files = new Map<string, Inode>(), readonly folders = new Set<string>(['/'])) {}

  copy(): Names {
    return new Names(new Map(this.files), new Set(this.folders));
  }
}

export function parentOf(path: string): string {
  const at = path.lastIndexOf('/');
  return at <= 0 ? '/' : path.slice(0, at);
}
