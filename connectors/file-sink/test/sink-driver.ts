import { type ErrantRecordReporter, type OffsetsToCommit, Schema, type SinkRecord, type SinkTaskContext, type TopicPartition, type Value } from '@millrace/connect-api';
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import { FileSinkTask } from '../src/file-sink-task.js';
import type { FileSystem } from '../src/disk/file-system.js';

const quiet = (): void => undefined;

/** A task as the runtime drives it: batches from a log, moved by `seek`, tried again after a RetriableError. */
export class SinkDriver {
  readonly task: FileSinkTask;
  readonly errant: { readonly offset: number; readonly message: string }[] = [];
  readonly warnings: string[] = [];
  readonly retries: string[] = [];
  commitsAsked = 0;
  /** By partition of the topic. */
  readonly positions = new Map<number, number>();
  private readonly moved = new Set<number>();
  private readonly abort = new AbortController();

  constructor(
    private readonly config: Readonly<Record<string, string>>,
    private readonly log: readonly (readonly SinkRecord[])[],
    options: { readonly disk?: FileSystem; readonly tolerance?: 'all' | 'none' } = {},
  ) {
    this.task = new FileSinkTask(options.disk);
    this.reporter = {
      report: async (record, error) => {
        await Promise.resolve();
        if ((options.tolerance ?? 'all') === 'none') throw error;
        this.errant.push({ offset: record.kafkaOffset, message: error.message });
      },
    };
  }
  private readonly reporter: ErrantRecordReporter;

  get partitions(): TopicPartition[] {
    return this.log.map((_, partition) => ({ topic: 't', partition }));
  }

  /** `from`: what the group had committed. */
  async start(from: Readonly<Record<number, number>> = {}, partitions: readonly number[] = [...this.log.keys()]): Promise<this> {
    const context: SinkTaskContext = {
      connectorName: 'sink', taskId: 0, config: this.config, signal: this.abort.signal, errantRecordReporter: this.reporter,
      logger: { trace: quiet, debug: quiet, info: quiet, warn: (_, message) => void this.warnings.push(message), error: quiet },
      assignment: () => this.partitions, ownsAssignment: () => true, pause: quiet, resume: quiet, requestCommit: () => void this.commitsAsked++,
      seek: ({ topic, partition }, offset) => {
        if (topic !== 't') throw new Error(`${topic}-${partition} is not assigned`);
        this.positions.set(partition, offset);
        this.moved.add(partition);
      },
    };
    await this.task.start(context);
    for (const partition of partitions) this.positions.set(partition, from[partition] ?? 0);
    await this.task.open(partitions.map((partition) => ({ topic: 't', partition })));
    return this;
  }

  /** Puts the next records of every partition, at most `count` of each, once; false: there were none. */
  async step(count = 100): Promise<boolean> {
    const batch: SinkRecord[] = [];
    const ends = new Map<number, number>();
    for (const [partition, position] of this.positions) {
      const records = (this.log[partition] ?? []).filter((it) => it.kafkaOffset >= position).slice(0, count);
      batch.push(...records);
      const last = records[records.length - 1];
      if (last) ends.set(partition, last.kafkaOffset + 1);
    }
    if (batch.length === 0) return false;
    await this.put(batch, ends);
    return true;
  }

  /** A put and, as often as it can be tried again, the same once more. */
  async put(batch: readonly SinkRecord[], ends: ReadonlyMap<number, number> = new Map()): Promise<void> {
    this.moved.clear();
    for (let tries = 0; ; tries++) {
      try {
        await this.task.put(batch);
        // A partition that was moved meanwhile, in any of the tries, stays where it was moved to.
        for (const [partition, end] of ends) if (!this.moved.has(partition)) this.positions.set(partition, end);
        return;
      } catch (error) {
        if ((error as { code?: string }).code !== 'CONNECT_RETRIABLE' || tries > 200) throw error;
        this.retries.push((error as Error).message);
      }
    }
  }

  async drain(count?: number): Promise<void> {
    while (await this.step(count));
  }

  async preCommit(): Promise<Record<number, number>> {
    const offsets: OffsetsToCommit = new Map([...this.positions].map(([partition, offset]) => [{ topic: 't', partition }, offset]));
    const committed = await this.task.preCommit(offsets);
    return Object.fromEntries([...committed].map(([{ partition }, offset]) => [partition, offset]));
  }

  async close(): Promise<void> {
    await this.task.close([...this.positions.keys()].map((partition) => ({ topic: 't', partition })));
  }

  async stop(): Promise<void> {
    this.abort.abort();
    await this.task.stop();
  }
}

const TEXT = Schema.of('string');

export function record(offset: number, value: Value, more: Partial<SinkRecord> = {}): SinkRecord {
  const partition = more.partition ?? 0;
  return {
    topic: 't', partition, kafkaOffset: offset, keySchema: null, key: null, valueSchema: typeof value === 'string' ? TEXT : null, value,
    timestampMs: 1_700_000_000_000 + offset * 1000, timestampType: 'CreateTime', headers: [], originalTopic: 't', originalPartition: partition, originalKafkaOffset: offset, ...more,
  };
}

export function texts(count: number, partition = 0, from = 0): SinkRecord[] {
  return Array.from({ length: count }, (_, i) => record(from + i, `${partition}:${from + i}`, { partition }));
}

/** Visible files with their content, by path below the folder, sorted. */
export function visibleFiles(folder: string): Record<string, string> {
  const files: Record<string, string> = {};
  const visit = (at: string): void => {
    for (const entry of fs.readdirSync(at, { withFileTypes: true })) {
      const file = path.join(at, entry.name);
      if (entry.name === '.millrace') continue;
      if (entry.isDirectory()) visit(file);
      else files[path.relative(folder, file)] = (entry.name.endsWith('.gz') ? zlib.gunzipSync(fs.readFileSync(file)) : fs.readFileSync(file)).toString('utf8');
    }
  };
  visit(folder);
  return Object.fromEntries(Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** What is under way or left over: the parts of unfinished files. */
export function hiddenParts(folder: string): string[] {
  const root = path.join(folder, '.millrace');
  return fs.existsSync(root) ? fs.readdirSync(root).flatMap((it) => fs.readdirSync(path.join(root, it)).filter((name) => name.endsWith('.part'))) : [];
}

/** Every line of every visible file, in order of the files. */
export function allLines(folder: string): string[] {
  return Object.values(visibleFiles(folder)).flatMap((it) => it.split('\n').slice(0, -1));
}
