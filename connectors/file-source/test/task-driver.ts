import type { SourceRecord } from '@millrace/connect-api';
import { OffsetStore, SourceTaskDriver } from '@millrace/connect-testkit';
import { FileSourceTask } from '../src/file-source-task.js';

const NO_WATCH = { close: () => Promise.resolve() };

/** A task that sees changes by its scans alone. */
export class TaskDriver extends SourceTaskDriver<FileSourceTask> {
  constructor(config: Readonly<Record<string, string>>, offsets: OffsetStore = new OffsetStore()) {
    super({ task: new FileSourceTask(() => Promise.resolve(NO_WATCH)), config: { topic: 't', 'scan.interval.ms': '10', 'rotate.wait.ms': '0', ...config }, offsets });
  }

  get warnings(): string[] {
    return this.logger.lines.filter((it) => it.level === 'warn').map((it) => it.message);
  }

  /** Polls and commits until so many records were seen. */
  override async take(count: number, deadlineMs = 10_000): Promise<SourceRecord[]> {
    const all: SourceRecord[] = [];
    const end = Date.now() + deadlineMs;
    while (all.length < count) {
      if (Date.now() > end) throw new Error(`${all.length} of ${count} records: ${JSON.stringify(all.slice(-3).map((it) => it.value))}`);
      const records = await this.poll();
      this.commit(...records);
      all.push(...records);
    }
    return all;
  }

  /** Polls and commits until `polls` of them in a row, each with a scan, bring nothing. */
  async drain(polls = 3): Promise<SourceRecord[]> {
    const all: SourceRecord[] = [];
    for (let empty = 0; empty < polls; ) {
      const records = await this.poll();
      this.commit(...records);
      if (records.length === 0) this.commitQuiet();
      empty = records.length === 0 ? empty + 1 : 0;
      all.push(...records);
    }
    return all;
  }
}

export function values(records: readonly SourceRecord[]): unknown[] {
  return records.map((it) => it.value);
}
