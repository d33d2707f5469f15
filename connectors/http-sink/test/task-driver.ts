import { type ConnectLogger, type ErrantRecordReporter, RetriableError, type SinkRecord, type SinkTaskContext, type TopicPartition, type Value } from '@millrace/connect-api';
import { HttpSinkTask } from '../src/http-sink-task.js';

export interface LogLine {
  readonly level: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** A task as the runtime drives it: calls do not overlap, paused partitions get nothing, a seek is followed. */
export class TaskDriver {
  readonly task = new HttpSinkTask();
  readonly errant: { readonly record: SinkRecord; readonly error: Error }[] = [];
  readonly log: LogLine[] = [];
  readonly paused = new Set<string>();
  readonly seeks: { readonly partition: TopicPartition; readonly offset: number }[] = [];
  private readonly abort = new AbortController();
  private wake: (() => void)[] = [];

  /** What the task hears when it asks whether its partitions are its own. */
  ownsAssignment: () => boolean = () => true;

  constructor(
    config: Readonly<Record<string, string>>,
    private readonly options: { readonly tolerance?: 'all' | 'none'; readonly assignment?: readonly TopicPartition[]; readonly connectorName?: string } = {},
  ) {
    this.task.start(this.context(config));
  }

  async put(...records: SinkRecord[]): Promise<void> {
    await this.task.put(records);
  }

  /** The records, in puts, each again as long as it is asked for. */
  async putAll(records: readonly SinkRecord[], size = 500): Promise<void> {
    for (let start = 0; start < records.length; ) {
      try {
        await this.task.put(records.slice(start, start + size));
        start += size;
      } catch (error) {
        if (!(error instanceof RetriableError)) throw error;
      }
    }
  }

  /** The committable offset of a partition, for a position. */
  async committed(offset: number, partition: TopicPartition = { topic: 't', partition: 0 }): Promise<number | undefined> {
    return (await this.task.preCommit(new Map([[partition, offset]]))).get(partition);
  }

  /** Waits until everything up to an offset is delivered or reported. */
  async delivered(offset: number, partition: TopicPartition = { topic: 't', partition: 0 }): Promise<void> {
    for (const endMs = Date.now() + 20_000; (await this.committed(offset, partition)) !== offset; ) {
      if (Date.now() > endMs) throw new Error(`offset ${offset} is not delivered`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  /** Waits for something that the task does to its context. */
  async until(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) await new Promise<void>((resolve) => this.wake.push(resolve));
  }

  async stop(): Promise<void> {
    await this.stopping()();
  }

  /** The first half of stopping, before the last commit; gives the second. */
  stopping(): () => Promise<void> {
    this.abort.abort();
    return async () => void (await this.task.stop());
  }

  /** All that was said: in the log, to the dead letters. */
  get texts(): string {
    return JSON.stringify([this.log, this.errant.map((it) => [it.error.message, it.error.stack, String(it.error.cause)])]);
  }

  private context(config: Readonly<Record<string, string>>): SinkTaskContext {
    const { tolerance = 'none', assignment = [], connectorName = 'sink' } = this.options;
    const note = (level: string) => (fields: Readonly<Record<string, unknown>>, message: string): void => void this.log.push({ level, fields, message });
    const logger: ConnectLogger = { trace: note('trace'), debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') };
    const reporter: ErrantRecordReporter = {
      report: async (record, error) => {
        await Promise.resolve();
        if (tolerance === 'none') throw new Error('Tolerance exceeded', { cause: error });
        this.errant.push({ record, error });
        this.changed();
      },
    };
    return {
      connectorName, taskId: 0, config, logger, signal: this.abort.signal, errantRecordReporter: reporter, assignment: () => assignment, ownsAssignment: () => this.ownsAssignment(), requestCommit: () => undefined,
      seek: (partition, offset) => (this.seeks.push({ partition, offset }), this.changed()),
      pause: (...partitions) => (partitions.forEach((it) => this.paused.add(`${it.topic}-${it.partition}`)), this.changed()),
      resume: (...partitions) => (partitions.forEach((it) => this.paused.delete(`${it.topic}-${it.partition}`)), this.changed()),
    };
  }

  private changed(): void {
    const { wake } = this;
    this.wake = [];
    for (const it of wake) it();
  }
}

/** Schemaless objects as converters give them. */
export function map(fields: Readonly<Record<string, Value>>): Map<Value, Value> {
  return new Map(Object.entries(fields));
}
