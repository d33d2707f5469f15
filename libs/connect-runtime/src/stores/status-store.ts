import { errorMessage, type Logger } from '@millrace/foundation';
import { decodeStatusRecord, encodeStatusKey, encodeStatusValue, type StatusRecord } from './status-records.js';
import { StatusState } from './status-state.js';
import type { TopicLog } from './topic-log.js';

/** The status topic. Writes are not waited for: they are told to other workers in order, and tried until they succeed or the store stops. */
export class StatusStore {
  readonly state = new StatusState();
  private readonly queue: StatusRecord[] = [];
  private writing: Promise<void> | undefined;
  private isStopped = false;

  constructor(
    private readonly log: TopicLog,
    private readonly logger: Logger,
  ) {}

  async start(): Promise<void> {
    await this.log.start(({ key, value }) => {
      const record = decodeStatusRecord(Buffer.from(key).toString('utf8'), value === null ? null : Buffer.from(value).toString('utf8'));
      if (record) this.state.apply(record);
    });
  }

  /** Writes what was put, then stops. */
  async stop(): Promise<void> {
    await this.flush();
    this.isStopped = true;
    await this.log.stop();
  }

  /** The state shows it at once, the topic soon after. */
  put(record: StatusRecord): void {
    if (this.isStopped) return;
    this.state.apply(record);
    this.queue.push(record);
    this.writing ??= this.drain();
  }

  /** Does nothing when another worker has written something newer. */
  putSafe(record: StatusRecord): void {
    if (this.state.isSafeToWrite(record)) this.put(record);
  }

  async flush(): Promise<void> {
    await this.writing;
  }

  private async drain(): Promise<void> {
    while (this.queue.length > 0) {
      const records = this.queue.splice(0, 1000);
      try {
        await this.log.append(
          records.map((record) => {
            const value = encodeStatusValue(record);
            return { key: Buffer.from(encodeStatusKey(record), 'utf8'), value: value === null ? null : Buffer.from(value, 'utf8') };
          }),
        );
      } catch (error) {
        this.logger.error({ error: errorMessage(error), records: records.length }, 'statuses could not be written');
      }
    }
    this.writing = undefined;
  }
}
