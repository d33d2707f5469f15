import type { ConnectLogger, OffsetMap } from '@millrace/connect-api';
import { errorMessage } from '@millrace/foundation';
import type { OffsetRecord } from '../isolation/task-protocol.js';
import { encodeOffsetKey, encodeOffsetMap } from '../stores/offset-json.js';
import { TIMER_MS_MAX, within } from '../waiting.js';

interface Committable {
  readonly partition: OffsetMap;
  readonly offset: OffsetMap;
  readonly key: Uint8Array;
}

interface PartitionKey {
  readonly key: Uint8Array;
  readonly text: string;
}

export interface OffsetCommitterOptions {
  readonly connector: string;
  readonly write: (records: readonly OffsetRecord[]) => Promise<void>;
  readonly onCommitted: (partition: OffsetMap, offset: OffsetMap) => Promise<void> | void;
  readonly timeoutMs: number;
  readonly logger: ConnectLogger;
}

/** Collects the offsets that may be stored and stores them; tells the task only after they are durable (Invariant 2), in order and beside the next writes. */
export class OffsetCommitter {
  private readonly due = new Map<string, Committable>();
  private readonly keys = new WeakMap<OffsetMap, PartitionKey>();
  private running: Promise<void> | undefined;
  /** The task has taken note of all that is stored. */
  private told: Promise<void> = Promise.resolve();

  constructor(private readonly options: OffsetCommitterOptions) {}

  add(offsets: ReadonlyMap<OffsetMap, OffsetMap>): void {
    for (const [partition, offset] of offsets) {
      const { key, text } = this.keyOf(partition);
      this.due.set(text, { partition, offset, key });
    }
  }

  /** Stores what is due. Resolves when it is durable and the task knows, or the time is up; what failed is due again, unless newer offsets have come. */
  async commit(): Promise<void> {
    await within(this.options.timeoutMs, this.running ?? Promise.resolve());
    if (this.running) return;
    if (this.due.size > 0) this.running = this.write().finally(() => (this.running = undefined));
    await within(this.options.timeoutMs, (this.running ?? Promise.resolve()).then(() => this.told));
  }

  private async write(): Promise<void> {
    const batch = [...this.due];
    this.due.clear();
    try {
      await this.options.write(batch.map(([, { key, offset }]) => ({ key, value: encodeOffsetMap(offset) })));
    } catch (error) {
      for (const [text, entry] of batch) if (!this.due.has(text)) this.due.set(text, entry);
      this.options.logger.error({ error: errorMessage(error) }, 'offsets could not be stored; they will be tried again');
      return;
    }
    this.told = this.told.then(() => this.tell(batch.map(([, entry]) => entry)));
  }

  private async tell(stored: readonly Committable[]): Promise<void> {
    const timer = setTimeout(() => this.options.logger.warn({}, 'the task has not yet taken note of stored offsets; they go on being stored'), Math.min(TIMER_MS_MAX, this.options.timeoutMs));
    for (const { partition, offset } of stored) {
      try {
        await this.options.onCommitted(partition, offset);
      } catch (error) {
        this.options.logger.error({ error: errorMessage(error) }, 'the task failed to take note of stored offsets');
      }
    }
    clearTimeout(timer);
  }

  private keyOf(partition: OffsetMap): PartitionKey {
    let known = this.keys.get(partition);
    if (!known) {
      const key = encodeOffsetKey(this.options.connector, partition);
      known = { key, text: Buffer.from(key).toString('latin1') };
      this.keys.set(partition, known);
    }
    return known;
  }
}
