import { SinkTask, type SinkRecord, type SinkTaskContext, type TopicPartition } from '@millrace/connect-api';

const text = (it: SinkRecord): string => `${it.partition}:${it.kafkaOffset}`;

/** Does what the test says and notes what it was asked to do. */
export class ScriptedSink extends SinkTask {
  readonly seen: string[] = [];
  readonly events: string[] = [];
  readonly records: SinkRecord[] = [];
  context!: SinkTaskContext;
  onPut: (texts: string[]) => Promise<void> | void = () => undefined;
  onPreCommit: (offsets: ReadonlyMap<TopicPartition, number>) => void = () => undefined;

  start(context: SinkTaskContext): void {
    this.context = context;
  }

  async put(records: readonly SinkRecord[]): Promise<void> {
    const texts = records.map(text);
    this.events.push(`put ${texts.join(' ')}`);
    await this.onPut(texts);
    this.seen.push(...texts);
    this.records.push(...records);
    this.events.push('put is over');
  }

  override async preCommit(offsets: ReadonlyMap<TopicPartition, number>): Promise<ReadonlyMap<TopicPartition, number>> {
    this.events.push(`preCommit ${[...offsets].map(([it, offset]) => `${it.partition}:${offset}`).sort().join(' ')}`);
    this.onPreCommit(offsets);
    return Promise.resolve(offsets);
  }

  override close(_partitions: readonly TopicPartition[]): void {
    this.events.push('close');
  }

  stop(): void {
    this.events.push('stop');
  }
}
