import type { OffsetMap } from '@millrace/connect-api';
import { errorMessage, type Logger } from '@millrace/foundation';
import { OffsetStore } from './offset-store.js';
import type { LogEntry, TopicLog } from './topic-log.js';

/** The stored offsets of one source connector. */
export interface SourceOffsets {
  /** Values by key as of now. */
  read(keys: readonly Uint8Array[]): Promise<(Uint8Array | null)[]>;
  all(connector: string): Promise<{ key: Uint8Array; partition: OffsetMap; offset: OffsetMap }[]>;
  /** Resolves when the records are durable. */
  write(records: readonly LogEntry[]): Promise<void>;
}

/** Where a connector keeps its offsets, when not in the worker's topic. */
export interface OwnOffsetTopic {
  readonly topic: string;
  /** Tells this topic on this cluster from any other. */
  readonly identity: string;
  open(): TopicLog;
}

interface OpenTopic {
  readonly store: OffsetStore;
  readonly started: Promise<void>;
  users: number;
}

/** A connector's offsets as long as somebody uses them. */
export interface OffsetLease extends SourceOffsets {
  release(): Promise<void>;
}

/**
 * The offset topics: the worker's, and those that connectors have for themselves (`offsets.storage.topic`), each open while it is used.
 * A connector with a topic of its own reads it over the worker's and writes it first; the worker's topic follows where it can, so that the
 * connector may go back to it.
 */
export class SourceOffsetStores {
  private readonly open = new Map<string, OpenTopic>();

  constructor(
    private readonly worker: OffsetStore,
    private readonly logger: Logger,
  ) {}

  lease(own: OwnOffsetTopic | undefined): OffsetLease {
    if (!own) return { read: (keys) => this.worker.read(keys), all: (name) => this.worker.all(name), write: (records) => this.worker.write(records), release: () => Promise.resolve() };
    const topic = this.opened(own);
    const started = async (): Promise<OffsetStore> => {
      await topic.started;
      return topic.store;
    };
    let isReleased = false;
    return {
      read: async (keys) => {
        const [theirs, shared] = await Promise.all([started().then((it) => it.read(keys)), this.worker.read(keys)]);
        return theirs.map((value, i) => value ?? shared[i] ?? null);
      },
      all: async (name) => {
        const [theirs, shared] = await Promise.all([started().then((it) => it.all(name)), this.worker.all(name)]);
        const known = new Set(theirs.map((it) => keyText(it.key)));
        return [...theirs, ...shared.filter((it) => !known.has(keyText(it.key)))];
      },
      write: async (records) => this.writeBoth(await started(), records, own.topic),
      release: async () => {
        if (isReleased) return;
        isReleased = true;
        topic.users -= 1;
        if (topic.users > 0) return;
        this.open.delete(own.identity);
        await topic.store.stop();
      },
    };
  }

  async stop(): Promise<void> {
    await Promise.all([...this.open.values()].map((it) => it.store.stop()));
    this.open.clear();
  }

  private opened(own: OwnOffsetTopic): OpenTopic {
    let topic = this.open.get(own.identity);
    if (!topic) {
      const store = new OffsetStore(own.open());
      topic = { store, started: store.start(), users: 0 };
      topic.started.catch((error: unknown) => this.logger.error({ topic: own.topic, error: errorMessage(error) }, 'a connector’s offset topic could not be opened'));
      this.open.set(own.identity, topic);
    }
    topic.users += 1;
    return topic;
  }

  /** A deletion goes to the worker's topic first: what is deleted must not come back from there. */
  private async writeBoth(own: OffsetStore, records: readonly LogEntry[], topic: string): Promise<void> {
    const deletes = records.some((it) => it.value === null);
    if (deletes) await this.worker.write(records);
    await own.write(records);
    if (deletes) return;
    this.worker.write(records).catch((error: unknown) => this.logger.warn({ topic, error: errorMessage(error) }, 'offsets are in the connector’s own topic, but not in the worker’s'));
  }
}

function keyText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
