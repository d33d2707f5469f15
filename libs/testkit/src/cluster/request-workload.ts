import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { SeededRandom } from '../doubles/seeded-random.js';
import { readTopic } from '../flow/read-topic.js';
import { waitForCount } from '../flow/flow.js';
import { TEXT_SETTINGS, type Workload, type WorkloadConnector, type WorkloadVerdict } from './workload.js';

export interface RequestWorkloadOptions {
  readonly name: string;
  readonly bootstrap: string;
  /** The topic that another workload fills; its values are texts. */
  readonly topic: string;
  readonly tasks: number;
}

type Mood = 'well' | 'unavailable' | 'full' | 'slow' | 'hangs-up';

const SLOW_MS = 1500;

/** Records of a topic sent to an HTTP server of our own, which counts what it got by the id of the delivery. */
export class RequestWorkload implements Workload {
  readonly connectors: readonly WorkloadConnector[];
  private readonly bodiesById = new Map<string, string>();
  private requests = 0;
  private mood: Mood = 'well';
  private readonly problems: string[] = [];
  private readonly server = http.createServer((request, response) => this.take(request, response));

  constructor(private readonly options: RequestWorkloadOptions) {
    this.connectors = [{ name: options.name, tasks: options.tasks, config: {} }];
  }

  get name(): string {
    return this.options.name;
  }

  async prepare(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    const { topic, tasks } = this.options;
    const { port } = this.server.address() as AddressInfo;
    Object.assign(this.connectors[0]!.config, {
      'connector.class': 'HttpSink',
      'tasks.max': String(tasks),
      topics: topic,
      'http.url': `http://127.0.0.1:${port}/records`,
      'retry.backoff.ms': '100',
      'max.retries': '-1',
      ...TEXT_SETTINGS,
    });
  }

  async ready(): Promise<void> {}

  async write(): Promise<void> {}

  /** Overloaded, full, slow, or hanging up, for some seconds. */
  async strike(random: SeededRandom): Promise<void> {
    this.mood = random.pick(['unavailable', 'full', 'slow', 'hangs-up'] as const);
    await delay(1000 + random.integer(4000));
    this.mood = 'well';
  }

  async verdict(settleMs: number): Promise<WorkloadVerdict> {
    const expected = new Map<string, number>();
    await readTopic(this.options.bootstrap, this.options.topic, ({ value }) => {
      const text = value?.toString('utf8') ?? '';
      expected.set(text, (expected.get(text) ?? 0) + 1);
    });
    const records = [...expected.values()].reduce((sum, it) => sum + it, 0);
    const problems = [...this.problems];
    await waitForCount(`${this.name}: each record was received`, settleMs, records, async () => this.bodiesById.size).catch(() => undefined);
    const received = new Map<string, number>();
    for (const body of this.bodiesById.values()) received.set(body, (received.get(body) ?? 0) + 1);
    const different = [...expected].filter(([text, count]) => received.get(text) !== count);
    if (different.length > 0) problems.push(`${this.name}: ${different.length} of ${expected.size} texts did not come under as many ids as the topic has them (${this.bodiesById.size} ids, ${records} records)`);
    return { problems, figures: { records, requests: this.requests, repeats: this.requests - this.bodiesById.size } };
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private take(request: http.IncomingMessage, response: http.ServerResponse): void {
    if (this.mood === 'hangs-up') return void request.destroy();
    if (this.mood === 'unavailable' || this.mood === 'full') return void response.writeHead(this.mood === 'full' ? 507 : 503, this.mood === 'full' ? {} : { 'retry-after': '1' }).end();
    const answerAfterMs = this.mood === 'slow' ? SLOW_MS : 0;
    const chunks: Buffer[] = [];
    request.on('data', (it: Buffer) => chunks.push(it));
    request.on('end', () => {
      const id = request.headers['idempotency-key'];
      const body = Buffer.concat(chunks).toString('utf8');
      this.requests += 1;
      if (typeof id !== 'string') this.problems.push(`${this.name}: a request has no id`);
      else {
        const before = this.bodiesById.get(id);
        if (before !== undefined && before !== body) this.problems.push(`${this.name}: id ${id} came with two bodies`);
        this.bodiesById.set(id, body);
      }
      setTimeout(() => response.writeHead(204).end(), answerAfterMs);
    });
  }
}
