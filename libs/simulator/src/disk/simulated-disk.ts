import type { FileSystem, Processes } from '@millrace/storage';
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

/** The disk of one machine: it survives the processes that use it, in the state that their end left it in. */
export class SimulatedDisk {
  pace: DiskPace = FAST_DISK;
  armed: ArmedFault | undefined;
  /** Called from within the call that the process does not survive. */
  onStrike: (fault: ArmedFault) => void = () => undefined;
  /** Called before a `.log` file is cut, renamed or removed. */
  onLogCut: (path: string) => void = () => undefined;
  /** Called before something is appended to a `.log` file, with what it is: lent. */
  onLogAppend: (path: string, bytes: Uint8Array) => void = () => undefined;
  private files = new FaultyFileSystem();
  private hasFailed = false;
  private pid = 100;

  constructor(private readonly random: SeededRandom) {}

  /** The disk for one life of a process. */
  mount(process: SimulatedProcess): FileSystem {
    const { files } = this;
    this.hasFailed = false;
    files.inject = (call) => {
      files.nowMs = process.clock.nowMs();
      if (CUTS.has(call.operation) && call.path.endsWith('.log')) this.onLogCut(call.path);
      if (call.bytes !== undefined && call.path.endsWith('.log')) this.onLogAppend(call.path, call.bytes);
      return this.strike(call) ?? this.delay(call, process);
    };
    return files;
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
    const byFolder = new Map<string, LogFile[]>();
    for (const [path, inode] of this.files['names'].files) {
      if (!path.endsWith('.log')) continue;
      const at = path.lastIndexOf('/');
      const folder = path.slice(path.lastIndexOf('/', at - 1) + 1, at);
      const file: LogFile = { path, bytes: inode.content.subarray(0, inode.bytes) };
      const list = byFolder.get(folder);
      if (list === undefined) byFolder.set(folder, [file]);
      else list.push(file);
    }
    for (const list of byFolder.values()) list.sort((x, y) => (x.path < y.path ? -1 : 1));
    return byFolder;
  }

  /** The `.log` files of one folder, in their order. */
  logFilesOf(folder: string): LogFile[] {
    const list: LogFile[] = [];
    const inFolder = `/${folder}/`;
    for (const [path, inode] of this.files['names'].files) {
      if (path.endsWith('.log') && path.includes(inFolder)) list.push({ path, bytes: inode.content.subarray(0, inode.bytes) });
    }
    return list.length < 2 ? list : list.sort((x, y) => (x.path < y.path ? -1 : 1));
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

