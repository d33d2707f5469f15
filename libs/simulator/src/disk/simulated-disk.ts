import { CHECKPOINT_SUFFIX, parseSnapshotFileName, type FileSystem, type Processes, type SnapshotId } from '@millrace/storage';
import { FaultyFileSystem, type DiskCall, type DiskFault, type SeededRandom } from '@millrace/testkit';
import type { SimulatedProcess } from '../time/simulated-process.js';

export interface DiskPace {
  readonly syncMsMin: number;
  readonly syncMsMax: number;
}

export const FAST_DISK: DiskPace = { syncMsMin: 0.2, syncMsMax: 3 };
export const SLOW_DISK: DiskPace = { syncMsMin: 50, syncMsMax: 1500 };

/** What the next call of one of these operations meets. */
export interface ArmedFault {
  readonly operations: ReadonlySet<DiskCall['operation']>;
  /** How many such calls go well before. */
  afterCalls: number;
  readonly strike: 'EIO' | 'crash';
}

/** What takes bytes out of a file, or a file away. */
const CUTS: ReadonlySet<DiskCall['operation']> = new Set(['truncate', 'rename', 'remove']);

export interface LogFile {
  readonly path: string;
  /** A view: it changes with the next write. */
  readonly bytes: Uint8Array;
}

/** A snapshot of the metadata, under its own name: it is whole. */
export interface SnapshotFile extends SnapshotId {
  readonly bytes: Uint8Array;
  /** A loss of power now would leave all of it. */
  readonly isDurable: boolean;
}

/** Something is about to be appended to a `.log` file: `bytes` are lent. */
export type LogAppendListener = (path: string, bytes: Uint8Array) => void;

interface LogName {
  readonly path: string;
  readonly inode: { readonly content: Uint8Array; readonly bytes: number };
}

/** The disk of one machine: it survives the processes that use it, in the state that their end left it in. */
export class SimulatedDisk {
  pace: DiskPace = FAST_DISK;
  armed: ArmedFault | undefined;
  /** Called from within the call that the process does not survive. */
  onStrike: (fault: ArmedFault) => void = () => undefined;
  /** Called before a `.log` file is cut, renamed or removed. */
  onLogCut: (path: string) => void = () => undefined;
  private readonly appendListeners: LogAppendListener[] = [];
  private files = new FaultyFileSystem();
  private hasFailed = false;
  private pid = 100;
  private found: { readonly on: FaultyFileSystem; readonly nameChanges: number; readonly byFolder: ReadonlyMap<string, readonly LogName[]> } | undefined;

  constructor(private readonly random: SeededRandom) {}

  /** The disk for one life of a process. */
  mount(process: SimulatedProcess): FileSystem {
    const { files } = this;
    this.hasFailed = false;
    files.inject = (call) => {
      files.nowMs = process.clock.nowMs();
      if (CUTS.has(call.operation) && call.path.endsWith('.log')) this.onLogCut(call.path);
      if (call.bytes !== undefined && call.path.endsWith('.log')) for (const listener of this.appendListeners) listener(call.path, call.bytes);
      return this.strike(call) ?? this.delay(call, process);
    };
    return files;
  }

  /** Every listener hears of each append to a `.log` file, before it is made. */
  onLogAppend(listener: LogAppendListener): void {
    this.appendListeners.push(listener);
  }

  /** Nothing of a former life holds a lock. */
  processes(): Processes {
    const pid = (this.pid += 1);
    return { pid, identity: (asked) => (asked === pid ? `${pid}@simulated` : undefined), lockHolder: () => undefined };
  }

  /** The page cache outlives the process. */
  processKilled(): void {
    this.files.crash();
    this.files = this.files.afterKill();
    this.armed = undefined;
  }

  powerLost(): void {
    this.files.crash();
    this.files = this.files.afterPowerLoss(this.random);
    this.armed = undefined;
  }

  /** A call may still fail, or has failed in this life: the process may be about to give up. */
  get isTroubled(): boolean {
    return this.armed !== undefined || this.hasFailed || this.files.spaceLeftBytes !== Number.POSITIVE_INFINITY;
  }

  set spaceLeftBytes(bytes: number) {
    if (this.files.spaceLeftBytes <= 0) this.hasFailed = true;
    this.files.spaceLeftBytes = bytes;
  }

  /** The `.log` files of every folder, in their order, for one who looks on: nothing of it is counted, delayed or made to fail. */
  logFiles(): Map<string, LogFile[]> {
    return new Map([...this.logNames()].map(([folder, names]) => [folder, names.map(asLogFile)]));
  }

  /** The `.log` files of one folder, in their order. */
  logFilesOf(folder: string): LogFile[] {
    return this.logNames().get(folder)?.map(asLogFile) ?? [];
  }

  /** What a loss of power now would leave of a file. */
  durableContentOf(path: string): Uint8Array | undefined {
    return this.files.durableContentOf(path);
  }

  /** What a loss of power now would leave of the `.log` files of one folder: views, in no order. */
  durableLogsOf(folder: string): Uint8Array[] {
    const paths = this.logFilesOf(folder).map((it) => it.path);
    return paths.flatMap((path) => this.durableContentOf(path) ?? []);
  }

  /** The snapshots in one folder, in no order; that of a formatting is none, it stands for no offset. */
  snapshotsOf(folder: string): SnapshotFile[] {
    const found: SnapshotFile[] = [];
    for (const [path, inode] of this.files['names'].files) {
      if (!path.endsWith(CHECKPOINT_SUFFIX)) continue;
      const at = path.lastIndexOf('/');
      const id = path.slice(path.lastIndexOf('/', at - 1) + 1, at) === folder ? parseSnapshotFileName(path.slice(at + 1)) : undefined;
      if (id !== undefined && id.endOffset > 0) found.push({ ...id, bytes: asLogFile({ path, inode }).bytes, isDurable: this.durableContentOf(path)?.length === inode.bytes });
    }
    return found;
  }

  /** Looked for when names have changed only: somebody looks after every event. */
  private logNames(): ReadonlyMap<string, readonly LogName[]> {
    const { files } = this;
    if (this.found?.on === files && this.found.nameChanges === files.nameChanges) return this.found.byFolder;
    const byFolder = new Map<string, LogName[]>();
    for (const [path, inode] of files['names'].files) {
      if (!path.endsWith('.log')) continue;
      const at = path.lastIndexOf('/');
      const folder = path.slice(path.lastIndexOf('/', at - 1) + 1, at);
      const names = byFolder.get(folder);
      if (names === undefined) byFolder.set(folder, [{ path, inode }]);
      else names.push({ path, inode });
    }
    for (const names of byFolder.values()) names.sort((x, y) => (x.path < y.path ? -1 : 1));
    this.found = { on: files, nameChanges: files.nameChanges, byFolder };
    return byFolder;
  }

  private strike(call: DiskCall): DiskFault | undefined {
    const { armed } = this;
    if (armed === undefined || !armed.operations.has(call.operation)) return undefined;
    if (armed.afterCalls > 0) {
      armed.afterCalls -= 1;
      return undefined;
    }
    this.armed = undefined;
    this.hasFailed = true;
    if (armed.strike === 'EIO') return { kind: 'error', errno: 'EIO' };
    this.onStrike(armed);
    return call.operation === 'append' ? { kind: 'crash', keepBytes: this.random.integer(200) } : { kind: 'crash', isBefore: this.random.chance(0.5) };
  }

  private delay(call: DiskCall, process: SimulatedProcess): DiskFault | undefined {
    if (!call.isAsync) return undefined;
    const { syncMsMin, syncMsMax } = this.pace;
    const ms = call.operation === 'read' ? 0.02 + this.random.next() * 0.2 : syncMsMin + this.random.next() ** 3 * (syncMsMax - syncMsMin);
    return { kind: 'delay', until: new Promise((resolve) => void process.after(ms, call.operation, resolve)) };
  }
}

function asLogFile({ path, inode }: LogName): LogFile {
  return { path, bytes: inode.content.subarray(0, inode.bytes) };
}
