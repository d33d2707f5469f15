import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { waitFor } from '../flow/flow.js';
import { readTopic } from '../flow/read-topic.js';
import { TEXT_SETTINGS, type Workload, type WorkloadConnector, type WorkloadVerdict } from './workload.js';

export interface FileStreamWorkloadOptions {
  readonly name: string;
  readonly folder: string;
  readonly bootstrap: string;
  readonly linesPerSecond: number;
}

const TICK_MS = 50;

/** One file followed by Kafka's FileStreamSource, another one appended to by its FileStreamSink, by their own class names and settings. */
export class FileStreamWorkload implements Workload {
  readonly connectors: readonly WorkloadConnector[];
  private written = 0;

  constructor(private readonly options: FileStreamWorkloadOptions) {
    const { name } = options;
    this.connectors = [
      { name: `${name}-source`, tasks: 1, config: { 'connector.class': 'org.apache.kafka.connect.file.FileStreamSourceConnector', 'tasks.max': '1', file: this.input, topic: this.topic, ...TEXT_SETTINGS } },
      { name: `${name}-sink`, tasks: 1, config: { 'connector.class': 'org.apache.kafka.connect.file.FileStreamSinkConnector', 'tasks.max': '1', file: this.output, topics: this.topic, ...TEXT_SETTINGS } },
    ];
  }

  get name(): string {
    return this.options.name;
  }

  private get topic(): string {
    return `${this.name}-lines`;
  }

  private get input(): string {
    return path.join(this.options.folder, `${this.name}.in`);
  }

  private get output(): string {
    return path.join(this.options.folder, `${this.name}.out`);
  }

  async prepare(): Promise<void> {
    fs.writeFileSync(this.input, '');
  }

  async ready(): Promise<void> {}

  async write(signal: AbortSignal): Promise<void> {
    const perTick = Math.ceil((this.options.linesPerSecond * TICK_MS) / 1000);
    while (!signal.aborted) {
      fs.appendFileSync(this.input, Array.from({ length: perTick }, () => `line ${this.written++}\n`).join(''));
      await delay(TICK_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Kafka's file connectors deliver at least once: lines are counted, repeats are figures. */
  async verdict(settleMs: number): Promise<WorkloadVerdict> {
    const problems: string[] = [];
    const expected = Array.from({ length: this.written }, (_, i) => `line ${i}`);
    let inTopic: string[] = [];
    await waitFor('each line is in the topic', settleMs, async () => {
      inTopic = [];
      await readTopic(this.options.bootstrap, this.topic, ({ value }) => void inTopic.push(value?.toString('utf8') ?? ''));
      return new Set(inTopic).size >= expected.length;
    }).catch(() => undefined);
    const present = new Set(inTopic);
    problems.push(...report(`${this.name}: of ${expected.length} lines are not in the topic`, expected.filter((it) => !present.has(it))));
    let inFile: string[] = [];
    await waitFor('each line is in the file', settleMs, async () => {
      inFile = fs.existsSync(this.output) ? fs.readFileSync(this.output, 'utf8').split('\n').filter((it) => it !== '') : [];
      return new Set(inFile).size >= present.size;
    }).catch(() => undefined);
    const filed = new Set(inFile);
    problems.push(...report(`${this.name}: of ${present.size} lines of the topic are not in the file`, [...present].filter((it) => !filed.has(it))));
    return { problems, figures: { lines: expected.length, records: inTopic.length, repeats: inTopic.length - present.size, repeatsInFile: inFile.length - filed.size } };
  }

  async close(): Promise<void> {}
}

function report(what: string, missing: readonly string[]): string[] {
  return missing.length === 0 ? [] : [`${what}: ${missing.length}, the first "${missing[0]}"`];
}
