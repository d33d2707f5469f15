import { setTimeout as delay } from 'node:timers/promises';
import { ConnectError, RetriableError, Schema, SourceTask, Struct, type ConfigOf, type OffsetMap, type SourceRecord, type SourceTaskContext } from '@millrace/connect-api';
import { SETTINGS } from './example-source.js';

/** Built once: converters keep what they compute for a schema by its identity. */
const KEY = Schema.of('int64');
const ENTRY = Schema.struct({ id: Schema.of('int64'), feed: Schema.of('string'), text: Schema.of('string', { optional: true }) }, { name: 'example.Entry' });

interface Entry {
  readonly id: number;
  readonly text?: string;
}

interface Feed {
  readonly name: string;
  /** What the offset is of. One object for all records of the feed. */
  readonly partition: OffsetMap;
  /** The last entry that was handed over. */
  lastId: number;
}

/** Reads feeds of a service page by page. The offset of a feed is the id of its last entry. */
export class ExampleSourceTask extends SourceTask {
  private context!: SourceTaskContext;
  private settings!: ConfigOf<typeof SETTINGS>;
  private feeds: Feed[] = [];

  async start(context: SourceTaskContext): Promise<void> {
    this.context = context;
    this.settings = SETTINGS.parse(context.config);
    const partitions = this.settings.feeds.map((feed): OffsetMap => ({ feed }));
    const offsets = await context.offsets(partitions);
    this.feeds = this.settings.feeds.map((name, i) => ({ name, partition: partitions[i] ?? { feed: name }, lastId: Number(offsets[i]?.['id'] ?? -1) }));
  }

  /** One page of one feed; the feeds take turns. */
  async poll(): Promise<readonly SourceRecord[]> {
    for (let i = 0; i < this.feeds.length; i++) {
      const feed = this.feeds.shift();
      if (!feed) break;
      this.feeds.push(feed);
      const entries = await this.fetchPage(feed);
      if (entries.length > 0) return entries.map((it) => this.record(feed, it));
    }
    // Nothing new: come back soon, with nothing, and at once when the task must stop.
    await delay(this.settings['poll.interval.ms'], undefined, { signal: this.context.signal }).catch(() => undefined);
    return [];
  }

  stop(): void {
    this.feeds = [];
  }

  private record(feed: Feed, { id, text }: Entry): SourceRecord {
    feed.lastId = id;
    const value = new Struct(ENTRY, { id: BigInt(id), feed: feed.name, text: text ?? null });
    return { topic: this.settings.topic, keySchema: KEY, key: BigInt(id), valueSchema: ENTRY, value, sourcePartition: feed.partition, sourceOffset: { id } };
  }

  private async fetchPage(feed: Feed): Promise<readonly Entry[]> {
    const { url, token, 'batch.max.records': limit, 'request.timeout.ms': timeoutMs } = this.settings;
    const headers: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token.reveal()}` };
    const signal = AbortSignal.any([this.context.signal, AbortSignal.timeout(timeoutMs)]);
    let response: Response;
    try {
      response = await fetch(`${url}/${encodeURIComponent(feed.name)}?after=${feed.lastId}&limit=${limit}`, { headers, signal });
      if (response.ok) return (await response.json()) as Entry[];
    } catch (error) {
      throw new RetriableError(`${url} does not answer`, { cause: error });
    }
    await response.body?.cancel();
    const problem = `${url} answers ${response.status} for the feed ${feed.name}`;
    // Another attempt may succeed, or it never will: then the task fails, and its status says why.
    throw response.status >= 500 || response.status === 429 ? new RetriableError(problem) : new ConnectError(problem);
  }
}
