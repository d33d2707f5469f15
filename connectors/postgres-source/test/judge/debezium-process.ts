import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import type { JudgedRecord } from './judged-record.js';

/** RecordDebezium.java as a child process. Needs Java 17 and, in DEBEZIUM_CLASSPATH, Apache Kafka's jars and Debezium's. */
export class DebeziumProcess {
  readonly records: JudgedRecord[] = [];
  private readonly answers: (() => void)[] = [];
  /** The last task that stopped by itself, and why. */
  failure: Error | undefined;

  private constructor(private readonly child: ChildProcessWithoutNullStreams) {
    readline.createInterface({ input: child.stdout }).on('line', (line) => this.take(JSON.parse(line) as JudgedRecord & { failed?: string }));
    child.stderr.pipe(fs.createWriteStream(path.join(os.tmpdir(), 'judge-debezium.log')));
  }

  static start(): DebeziumProcess {
    const classPath = process.env.DEBEZIUM_CLASSPATH ?? '';
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'judge-debezium-'));
    const compiled = spawnSync('javac', ['-d', folder, '-cp', classPath, path.resolve(__dirname, 'RecordDebezium.java')], { encoding: 'utf8' });
    if (compiled.status !== 0) throw new Error(`RecordDebezium.java does not compile: ${compiled.stderr}`);
    return new DebeziumProcess(spawn('java', ['-Xmx1g', '-Dfile.encoding=UTF-8', '-cp', `${folder}:${classPath}`, 'RecordDebezium']));
  }

  tell(command: Record<string, unknown>): Promise<void> {
    this.child.stdin.write(`${JSON.stringify(command)}\n`);
    return new Promise((resolve) => this.answers.push(resolve));
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.child.once('exit', () => resolve());
      this.child.stdin.write('{"stop":true}\n');
    });
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }

  private take(line: JudgedRecord & { failed?: string }): void {
    if (line.profile !== undefined) this.records.push(line);
    else {
      if (line.failed !== undefined) this.failure = new Error(line.failed);
      else this.answers.shift()?.();
    }
  }
}
