import { RetriableError, type SinkRecord } from '@millrace/connect-api';
import fs from 'node:fs/promises';
import { errorCode } from './disk/file-system.js';
import { javaText } from './formats/java-text.js';

const RETRY_MS = 1000;
const NEWLINE = 10;

/** Where lines go: a file, or standard output. */
interface Output {
  /** How many of the bytes were taken: all, or fewer. */
  write(bytes: Uint8Array): Promise<number>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** Kafka's file sink: each record's text and a line break, at the end of one file. At least once. */
export class AppendWriter {
  private output: Output | undefined;
  /** Lines that are not written yet. A record is in here once, however often its batch is put. */
  private unwritten: Uint8Array = new Uint8Array();
  private batch: readonly SinkRecord[] | undefined;

  constructor(private readonly file: string | null) {}

  /** Throws when the file cannot be opened, as Kafka's does. */
  async start(): Promise<void> {
    this.output = this.file === null ? STANDARD_OUTPUT : await appendTo(this.file);
  }

  async put(records: readonly SinkRecord[]): Promise<void> {
    if (this.unwritten.length === 0 || !isSameBatch(this.batch, records)) {
      let text = '';
      for (const record of records) text += `${javaText(record.value, record.valueSchema)}\n`;
      this.unwritten = Buffer.concat([this.unwritten, Buffer.from(text)]);
      this.batch = records;
    }
    await this.drain();
  }

  async flush(): Promise<void> {
    await this.drain();
    await this.retriably(async () => this.output?.sync());
  }

  async stop(): Promise<void> {
    await this.output?.close();
    this.output = undefined;
  }

  private async drain(): Promise<void> {
    await this.retriably(async () => {
      while (this.unwritten.length > 0) this.unwritten = this.unwritten.subarray((await this.output?.write(this.unwritten)) ?? 0);
    });
    this.batch = undefined;
  }

  private async retriably(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
      throw new RetriableError(`The file did not take the records: ${(error as Error).message}`, { cause: error, retryAfterMs: RETRY_MS });
    }
  }
}

function isSameBatch(last: readonly SinkRecord[] | undefined, records: readonly SinkRecord[]): boolean {
  const [a, b] = [last?.[0], records[0]];
  return last !== undefined && last.length === records.length && a?.originalKafkaOffset === b?.originalKafkaOffset && a?.originalPartition === b?.originalPartition && a?.originalTopic === b?.originalTopic;
}

async function appendTo(file: string): Promise<Output> {
  const handle = await fs.open(file, 'a+');
  // A line that a crash has cut off stays a line of its own. A pipe or a device has no end to look at.
  const { size } = await handle.stat();
  if (size > 0) {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(1), 0, 1, size - 1);
    if (bytesRead === 1 && buffer[0] !== NEWLINE) await handle.write('\n');
  }
  return {
    write: async (bytes) => (await handle.write(bytes)).bytesWritten,
    sync: async () => {
      try {
        await handle.datasync();
      } catch (error) {
        // What is no regular file has nothing to sync.
        if (errorCode(error) !== 'EINVAL' && errorCode(error) !== 'ENOTSUP') throw error;
      }
    },
    close: () => handle.close(),
  };
}

const STANDARD_OUTPUT: Output = {
  write: (bytes) => new Promise((resolve, reject) => process.stdout.write(bytes, (error) => (error ? reject(error) : resolve(bytes.length)))),
  sync: () => Promise.resolve(),
  close: () => Promise.resolve(),
};
