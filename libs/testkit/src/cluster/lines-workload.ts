import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readTopic } from '../flow/read-topic.js';
import { waitForCount } from '../flow/flow.js';
import { SeededRandom } from '../doubles/seeded-random.js';
import { TEXT_SETTINGS, type Workload, type WorkloadConnector, type WorkloadVerdict } from './workload.js';

export interface LinesWorkloadOptions {
  readonly name: string;
  readonly folder: string;
  readonly bootstrap: string;
  readonly files: number;
  readonly tasks: number;
  readonly linesPerSecond: number;
  readonly seed: number;
}

const TICK_MS = 100;
/** A log is renamed and begun anew by chance, about once in so many ticks. */
const ROTATED_EVERY_TICKS = 100;

/** Lines that are appended to logs, which are rotated now and then; read into a topic, and written to files again. */
export class LinesWorkload implements Workload {
  readonly connectors: readonly WorkloadConnector[];
  private readonly written = new Set<string>();

  constructor(private readonly options: LinesWorkloadOptions) {
    const { name, tasks } = options;
    this.connectors = [
      {
        name: `${name}-source`,
        tasks,
        config: {
          'connector.class': 'FileStreamSource',
          'tasks.max': String(tasks),
          include: path.join(this.inputFolder, '*.log*'),
          topic: this.topic,
          'topic.creation.default.partitions': String(tasks * 2),
          'topic.creation.default.replication.factor': '-1',
          ...TEXT_SETTINGS,
        },
      },
      {
        name: `${name}-sink`,
        tasks,
        config: { 'connector.class': 'FileStreamSink', 'tasks.max': String(tasks), topics: this.topic, directory: this.outputFolder, format: 'raw', 'rotate.interval.ms': '1000', ...TEXT_SETTINGS },
      },
    ];
  }

  get name(): string {
    return this.options.name;
  }

  get topic(): string {
    return `${this.name}-lines`;
  }

  private get inputFolder(): string {
    return path.join(this.options.folder, this.name, 'in');
  }

  private get outputFolder(): string {
    return path.join(this.options.folder, this.name, 'out');
  }

  async prepare(): Promise<void> {
    fs.mkdirSync(this.inputFolder, { recursive: true });
    fs.mkdirSync(this.outputFolder, { recursive: true });
    for (let i = 0; i < this.options.files; i++) fs.writeFileSync(this.file(i), '');
  }

  async ready(): Promise<void> {}

  async write(signal: AbortSignal): Promise<void> {
    const { files, linesPerSecond, seed } = this.options;
    const random = new SeededRandom(seed);
    const perTick = Math.ceil((linesPerSecond * TICK_MS) / 1000 / files);
    let rotations = 0;
    for (let line = 0; !signal.aborted; ) {
      for (let i = 0; i < files; i++) {
        if (random.integer(ROTATED_EVERY_TICKS) === 0) fs.renameSync(this.file(i), `${this.file(i)}.${++rotations}`);
        const lines = Array.from({ length: perTick }, () => `${i}/${line++} größer ${random.integer(1_000_000)}`);
        fs.appendFileSync(this.file(i), `${lines.join('\n')}\n`);
        for (const it of lines) this.written.add(it);
      }
      await delay(TICK_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async verdict(settleMs: number): Promise<WorkloadVerdict> {
    const problems: string[] = [];
    let inTopic = new Map<string, number>();
    await waitForCount(`${this.name}: each line is in the topic`, settleMs, this.written.size, async () => {
      inTopic = await countLines((onLine) => readTopic(this.options.bootstrap, this.topic, ({ value }) => onLine(value?.toString('utf8') ?? '')));
      return [...this.written].filter((it) => inTopic.has(it)).length;
    }).catch(() => problems.push(`${this.name}: of ${this.written.size} lines ${[...this.written].filter((it) => !inTopic.has(it)).length} are not in the topic`));
    const foreign = [...inTopic.keys()].filter((it) => !this.written.has(it));
    if (foreign.length > 0) problems.push(`${this.name}: ${foreign.length} records are no line that was written, the first: ${foreign[0]}`);
    let inFiles = new Map<string, number>();
    await waitForCount(`${this.name}: the files have what the topic has`, settleMs, total(inTopic), async () => {
      inFiles = await countLines((onLine) => this.readOutput(onLine));
      return total(inFiles);
    }).catch(() => undefined);
    const different = [...inTopic].filter(([line, count]) => inFiles.get(line) !== count);
    if (different.length > 0 || inFiles.size !== inTopic.size) {
      problems.push(`${this.name}: ${different.length} lines are in the files more or less often than in the topic (${total(inFiles)} and ${total(inTopic)} in all)`);
    }
    return { problems, figures: { lines: this.written.size, records: total(inTopic), repeats: total(inTopic) - inTopic.size, filed: total(inFiles) } };
  }

  async close(): Promise<void> {}

  private file(i: number): string {
    return path.join(this.inputFolder, `app-${i}.log`);
  }

  /** Every visible file, that is each that is not under way. */
  private async readOutput(onLine: (line: string) => void): Promise<void> {
    for (const entry of fs.readdirSync(this.outputFolder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || entry.name.startsWith('.') || path.relative(this.outputFolder, entry.parentPath).split(path.sep).some((it) => it.startsWith('.'))) continue;
      const text = fs.readFileSync(path.join(entry.parentPath, entry.name), 'utf8');
      if (text !== '' && !text.endsWith('\n')) throw new Error(`${this.name}: ${entry.name} is visible and not complete`);
      for (const line of text.split('\n')) if (line !== '') onLine(line);
    }
  }
}

async function countLines(read: (onLine: (line: string) => void) => Promise<void>): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  await read((line) => counts.set(line, (counts.get(line) ?? 0) + 1));
  return counts;
}

function total(counts: ReadonlyMap<string, number>): number {
  let sum = 0;
  for (const it of counts.values()) sum += it;
  return sum;
}
