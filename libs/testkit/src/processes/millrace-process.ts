import { spawn, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const STARTS_WITHIN_MS = 90_000;

/** One of our apps as a process of its own, as a user runs it; ended by its id. */
export class MillraceProcess {
  private constructor(
    private readonly child: ChildProcess,
    readonly startedInMs: number,
    readonly logFile: string,
  ) {}

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get hasExited(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** Starts `apps/<app>/dist/main.js` with these settings and resolves at its first sign of life. Its lines are appended to a file in `folder`. */
  static async start(options: {
    readonly root: string;
    readonly app: 'broker' | 'connect';
    readonly folder: string;
    readonly config: Readonly<Record<string, string>>;
    readonly isUp: () => Promise<boolean>;
    readonly nodeArgs?: readonly string[];
    /** With the id of the process, before it has done anything. */
    readonly onSpawn?: (pid: number) => void;
  }): Promise<MillraceProcess> {
    const { root, app, folder } = options;
    fs.mkdirSync(folder, { recursive: true });
    const file = path.join(folder, `${app}.properties`);
    fs.writeFileSync(file, Object.entries(options.config).map(([key, value]) => `${key}=${value}\n`).join(''));
    const logFile = path.join(folder, `${app}.log`);
    const log = fs.openSync(logFile, 'a');
    const begun = performance.now();
    const child = spawn(process.execPath, [...(options.nodeArgs ?? []), path.join(root, `apps/${app}/dist/main.js`), file], { cwd: folder, stdio: ['ignore', log, log] });
    fs.closeSync(log);
    options.onSpawn?.(child.pid ?? 0);
    while (!(await options.isUp())) {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`${app} ended at its start: ${fs.readFileSync(logFile, 'utf8').slice(-2000)}`);
      if (performance.now() - begun > STARTS_WITHIN_MS) {
        child.kill('SIGKILL');
        throw new Error(`${app} did not come up within ${STARTS_WITHIN_MS} ms: ${fs.readFileSync(logFile, 'utf8').slice(-2000)}`);
      }
      await delay(5);
    }
    return new MillraceProcess(child, performance.now() - begun, logFile);
  }

  async stop(): Promise<void> {
    await this.end('SIGTERM');
  }

  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  /** SIGSTOP: the process stands still, its connections stay open. */
  pause(): void {
    this.child.kill('SIGSTOP');
  }

  resume(): void {
    this.child.kill('SIGCONT');
  }

  private async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (this.hasExited) return;
    const exited = new Promise<void>((resolve) => this.child.once('exit', () => resolve()));
    this.child.kill(signal);
    await exited;
  }
}
