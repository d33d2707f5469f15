import { OperationalError } from '@millrace/foundation';
import { storageError, type FileSystem, type FolderEntry, type OpenFile, type OpenMode } from '@millrace/storage';
import { Inode, Names, parentOf, type Dice, type NameChange } from './memory-disk.js';

export type DiskOperation = 'create' | 'append' | 'truncate' | 'sync' | 'rename' | 'replace' | 'remove' | 'makeFolder' | 'syncFolder' | 'read' | 'list' | 'open';

export interface DiskCall {
  /** From 1, over the calls that change something (`read`, `list` and `open` have the number of the last change). */
  readonly number: number;
  readonly operation: DiskOperation;
  readonly path: string;
  /** The caller waits for a promise, so that a `delay` means something. */
  readonly isAsync: boolean;
  /** What an append is about to write: lent. */
  readonly bytes?: Uint8Array;
}

/**
 * `crash`: the call has its effect in full or, for an append with `keepBytes`, in part; then this file system is dead. `error`: the call fails and has no effect, save that an
 * append has written `keepBytes`. `delay`: an asynchronous call waits for the promise.
 */
export type DiskFault =
  | { readonly kind: 'crash'; readonly keepBytes?: number; readonly isBefore?: boolean }
  | { readonly kind: 'error'; readonly errno: 'EIO' | 'ENOSPC' | 'EACCES' | 'EROFS'; readonly keepBytes?: number }
  | { readonly kind: 'delay'; readonly until: Promise<void> };

const CHANGES: ReadonlySet<DiskOperation> = new Set<DiskOperation>(['create', 'append', 'truncate', 'sync', 'rename', 'replace', 'remove', 'makeFolder', 'syncFolder']);
const ASYNC: ReadonlySet<DiskOperation> = new Set<DiskOperation>(['sync', 'replace', 'syncFolder']);

/** Thrown to the code under test at the moment of a crash: as the process is dead, nothing may be concluded from what it does afterwards. */
export class CrashedDisk extends Error {
  override readonly name = 'CrashedDisk';
}

/**
 * A disk in memory that can fail at any call, fill up, be slow, lose what was not synced and lose power half way through a write. It passes the conformance suite of
 * FileSystem as the real one does.
 */
export class FaultyFileSystem implements FileSystem {
  /** Asked at each call. */
  inject: (call: DiskCall) => DiskFault | undefined = () => undefined;
  /** The disk is full after this many more bytes. */
  spaceLeftBytes = Number.POSITIVE_INFINITY;
  /** Wall-clock time for the modification time of files. */
  nowMs = 1_700_000_000_000;
  /** How often a name came, went or became another. */
  nameChanges = 0;
  private changes = 0;
  private isDead = false;

  constructor(private names = new Names(), private durableNames = names.copy(), private unsyncedNames: NameChange[] = []) {}

  get changeCount(): number {
    return this.changes;
  }

  get hasCrashed(): boolean {
    return this.isDead;
  }

  crash(): void {
    this.isDead = true;
  }

  /** The disk as the next process finds it after this one was killed: what was written is there, synced or not. */
  afterKill(): FaultyFileSystem {
    const inodes = new Map<Inode, Inode>();
    const survivor = (inode: Inode): Inode => {
      const found = inodes.get(inode) ?? inode.afterKill();
      inodes.set(inode, found);
      return found;
    };
    const carry = (names: Names): Names => new Names(new Map([...names.files].map(([path, inode]) => [path, survivor(inode)])), new Set(names.folders));
    const unsynced = this.unsyncedNames.map((it): NameChange => ({ folder: it.folder, apply: (names, of) => it.apply(names, (inode) => of(survivor(inode))) }));
    return new FaultyFileSystem(carry(this.names), carry(this.durableNames), unsynced);
  }

  /** The disk after a loss of power. Changes of names that were not synced took place up to some point, in order; unsynced bytes are there in part. */
  afterPowerLoss(random: Dice): FaultyFileSystem {
    const names = this.durableNames.copy();
    for (const change of this.unsyncedNames.slice(0, random.integer(this.unsyncedNames.length + 1))) change.apply(names, itself);
    const inodes = new Map<Inode, Inode>();
    for (const inode of names.files.values()) if (!inodes.has(inode)) inodes.set(inode, inode.afterPowerLoss(random));
    return new FaultyFileSystem(new Names(new Map([...names.files].map(([path, inode]) => [path, inodes.get(inode) ?? inode])), names.folders));
  }

  /** What is on the platter under this name, for one who looks on; undefined while the name itself is not durable. */
  durableContentOf(path: string): Uint8Array | undefined {
    return this.durableNames.files.get(path)?.durableContent;
  }

  open(path: string, mode: OpenMode): OpenFile {
    const found = this.names.files.get(path);
    if (found === undefined) {
      if (mode === 'read' || mode === 'update') throw failure('ENOENT', 'open', path);
      this.expectFolder(parentOf(path), 'open', path);
      const inode = new Inode();
      inode.modifiedMs = this.nowMs;
      this.change('create', path, () => this.changeNames(parentOf(path), (names, of) => names.files.set(path, of(inode))));
      return new MemoryFile(this, path, inode, true);
    }
    if (mode === 'exclusive') throw failure('EEXIST', 'open', path);
    this.look('open', path);
    return new MemoryFile(this, path, found, mode !== 'read');
  }

  list(folder: string): FolderEntry[] {
    this.look('list', folder);
    this.expectFolder(folder, 'list', folder);
    const entries: FolderEntry[] = [];
    for (const [path, inode] of this.names.files) {
      if (parentOf(path) === folder) entries.push({ name: path.slice(folder.length + 1), isFolder: false, bytes: inode.bytes, modifiedMs: inode.modifiedMs });
    }
    for (const path of this.names.folders) {
      if (path !== '/' && parentOf(path) === folder) entries.push({ name: path.slice(path.lastIndexOf('/') + 1), isFolder: true, bytes: 0, modifiedMs: this.nowMs });
    }
    return entries;
  }

  makeFolder(path: string): void {
    if (this.names.files.has(path)) throw failure('EEXIST', 'make folder', path);
    const missing: string[] = [];
    for (let folder = path; !this.names.folders.has(folder); folder = parentOf(folder)) missing.unshift(folder);
    if (missing.length === 0) return;
    this.change('makeFolder', path, () => {
      for (const folder of missing) this.changeNames(parentOf(folder), (names) => names.folders.add(folder));
    });
  }

  rename(from: string, to: string): void {
    const inode = this.names.files.get(from);
    const isFolder = this.names.folders.has(from);
    if (inode === undefined && !isFolder) throw failure('ENOENT', 'rename', from);
    this.expectFolder(parentOf(to), 'rename', from);
    this.change('rename', from, () => this.changeNames(parentOf(to), (names) => renameIn(names, from, to)));
  }

  async replace(from: string, to: string): Promise<void> {
    if (!this.names.files.has(from)) throw failure('ENOENT', 'rename', from);
    await this.changeLater('replace', from, () => this.changeNames(parentOf(to), (names) => renameIn(names, from, to)));
  }

  remove(path: string): void {
    if (!this.names.files.has(path) && !this.names.folders.has(path)) {
      this.look('open', path);
      return;
    }
    this.change('remove', path, () => this.changeNames(parentOf(path), (names) => removeFrom(names, path)));
  }

  async syncFolder(path: string): Promise<void> {
    this.expectFolder(path, 'sync folder', path);
    await this.changeLater('syncFolder', path, () => {
      for (const change of this.unsyncedNames.filter((it) => it.folder === path)) change.apply(this.durableNames, itself);
      this.unsyncedNames = this.unsyncedNames.filter((it) => it.folder !== path);
    });
  }

  /** @internal */
  append(path: string, inode: Inode, bytes: Uint8Array, position: number): void {
    const kept = Math.min(bytes.length, this.spaceLeftBytes);
    this.change(
      'append',
      path,
      () => {
        inode.append(bytes.subarray(0, kept), position);
        inode.modifiedMs = this.nowMs;
        this.spaceLeftBytes -= kept;
        if (kept === bytes.length) return;
        throw failure('ENOSPC', 'append to', path);
      },
      (keepBytes) => inode.append(bytes.subarray(0, keepBytes), position),
      bytes,
    );
  }

  /** @internal */
  truncate(path: string, inode: Inode, bytes: number): void {
    this.change('truncate', path, () => {
      if (bytes < inode.bytes) this.spaceLeftBytes += inode.bytes - bytes;
      inode.truncate(bytes);
    });
  }

  /** @internal */
  async sync(path: string, inode: Inode): Promise<void> {
    const sync = inode.beginSync();
    try {
      await this.changeLater('sync', path, () => inode.makeDurable(sync));
    } finally {
      inode.forgetSync(sync);
    }
  }

  /** @internal */
  look(operation: DiskOperation, path: string): void {
    this.expectAlive();
    const fault = this.inject({ number: this.changes, operation, path, isAsync: false });
    if (fault?.kind === 'error') throw failure(fault.errno, operation, path);
    if (fault?.kind === 'crash') this.die();
  }

  /** @internal */
  async lookLater(operation: DiskOperation, path: string): Promise<void> {
    this.expectAlive();
    const fault = this.inject({ number: this.changes, operation, path, isAsync: true });
    if (fault?.kind === 'delay') await fault.until;
    if (fault?.kind === 'error') throw failure(fault.errno, operation, path);
    if (fault?.kind === 'crash') this.die();
  }

  private change(operation: DiskOperation, path: string, apply: () => void, applyPart: (keepBytes: number) => void = () => undefined, bytes?: Uint8Array): void {
    const fault = this.begin(operation, path, bytes);
    if (fault?.kind === 'error' || fault?.kind === 'crash') this.fail(fault, operation, path, apply, applyPart);
    apply();
  }

  private async changeLater(operation: DiskOperation, path: string, apply: () => void): Promise<void> {
    const fault = this.begin(operation, path);
    await (fault?.kind === 'delay' ? fault.until : undefined);
    this.expectAlive();
    if (fault?.kind === 'error' || fault?.kind === 'crash') this.fail(fault, operation, path, apply, () => undefined);
    apply();
  }

  private begin(operation: DiskOperation, path: string, bytes?: Uint8Array): DiskFault | undefined {
    this.expectAlive();
    if (CHANGES.has(operation)) this.changes += 1;
    return this.inject({ number: this.changes, operation, path, isAsync: ASYNC.has(operation), ...(bytes === undefined ? {} : { bytes }) });
  }

  private fail(fault: DiskFault, operation: DiskOperation, path: string, apply: () => void, applyPart: (keepBytes: number) => void): never {
    const keepBytes = 'keepBytes' in fault ? fault.keepBytes : undefined;
    if (keepBytes !== undefined) applyPart(keepBytes);
    if (fault.kind === 'error') throw failure(fault.errno, operation, path);
    if (keepBytes === undefined && !(fault.kind === 'crash' && fault.isBefore === true)) apply();
    this.die();
  }

  private die(): never {
    this.isDead = true;
    throw new CrashedDisk('the process is dead');
  }

  private expectAlive(): void {
    if (this.isDead) throw new CrashedDisk('the process is dead');
  }

  private changeNames(folder: string, apply: NameChange['apply']): void {
    apply(this.names, itself);
    this.nameChanges += 1;
    this.unsyncedNames.push({ folder, apply });
  }

  private expectFolder(folder: string, action: string, path: string): void {
    if (!this.names.folders.has(folder)) throw failure('ENOENT', action, path);
  }
}

class MemoryFile implements OpenFile {
  private isClosed = false;
  private end: number;

  constructor(private readonly disk: FaultyFileSystem, readonly path: string, private readonly inode: Inode, private readonly canWrite: boolean) {
    this.end = inode.bytes;
  }

  get bytes(): number {
    return this.end;
  }

  append(bytes: Uint8Array): void {
    this.expectOpen(true);
    this.disk.append(this.path, this.inode, bytes, this.end);
    this.end += bytes.length;
  }

  readSync(into: Uint8Array, position: number): number {
    this.expectOpen(false);
    this.disk.look('read', this.path);
    return this.fill(into, position);
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    this.expectOpen(false);
    await this.disk.lookLater('read', this.path);
    return this.fill(into, position);
  }

  truncate(bytes: number): void {
    this.expectOpen(true);
    this.disk.truncate(this.path, this.inode, bytes);
    this.end = bytes;
  }

  async sync(): Promise<void> {
    this.expectOpen(false);
    await this.disk.sync(this.path, this.inode);
  }

  close(): void {
    this.isClosed = true;
  }

  private fill(into: Uint8Array, position: number): number {
    const count = Math.max(0, Math.min(into.length, this.inode.bytes - position));
    into.set(this.inode.content.subarray(position, position + count));
    return count;
  }

  private expectOpen(isWrite: boolean): void {
    if (this.isClosed) throw new OperationalError('STORAGE_FAILED', `cannot use ${this.path}: it is closed`);
    if (isWrite && !this.canWrite) throw failure('EBADF', 'write', this.path);
  }
}

const itself = (inode: Inode): Inode => inode;

function renameIn(names: Names, from: string, to: string): void {
  const inode = names.files.get(from);
  if (inode !== undefined) {
    names.files.delete(from);
    names.files.set(to, inode);
    return;
  }
  if (!names.folders.has(from)) return;
  names.folders.delete(from);
  names.folders.add(to);
  for (const [path, it] of [...names.files]) {
    if (!path.startsWith(`${from}/`)) continue;
    names.files.delete(path);
    names.files.set(to + path.slice(from.length), it);
  }
  for (const path of [...names.folders]) {
    if (!path.startsWith(`${from}/`)) continue;
    names.folders.delete(path);
    names.folders.add(to + path.slice(from.length));
  }
}

function removeFrom(names: Names, path: string): void {
  names.files.delete(path);
  names.folders.delete(path);
  for (const it of [...names.files.keys()]) if (it.startsWith(`${path}/`)) names.files.delete(it);
  for (const it of [...names.folders]) if (it.startsWith(`${path}/`)) names.folders.delete(it);
}

function failure(errno: string, action: string, path: string): OperationalError {
  return storageError(Object.assign(new Error(errno), { code: errno }), action, path);
}
