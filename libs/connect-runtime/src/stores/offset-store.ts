import type { OffsetMap } from '@millrace/connect-api';
import { OffsetState } from './offset-state.js';
import type { LogEntry, TopicLog } from './topic-log.js';

/** The offset topic: stored source offsets by the bytes of their keys. */
export class OffsetStore {
  private readonly state = new OffsetState();

  constructor(private readonly log: TopicLog) {}

  async start(): Promise<void> {
    await this.log.start(({ key, value }) => this.state.apply(key, value));
  }

  async stop(): Promise<void> {
    await this.log.stop();
  }

  /** Values by key as of now: what other workers have written up to the call is read first. */
  async read(keys: readonly Uint8Array[]): Promise<(Uint8Array | null)[]> {
    await this.log.readToEnd();
    return keys.map((key) => this.state.value(key));
  }

  async all(connector: string): Promise<{ key: Uint8Array; partition: OffsetMap; offset: OffsetMap }[]> {
    await this.log.readToEnd();
    return this.state.all(connector);
  }

  /** Resolves when the records are durable. */
  async write(records: readonly LogEntry[]): Promise<void> {
    await this.log.append(records);
  }
}
