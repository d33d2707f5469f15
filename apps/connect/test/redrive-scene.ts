import fs from 'node:fs';
import path from 'node:path';
import { Admin, Consumer, Producer, type ConsumerRecord } from '@millrace/client';
import { connectorStatuses, freePort, isListening, MillraceProcess, putConnector, repositoryRoot, waitFor, WorkerPool, type PoolWorker } from '@millrace/testkit';
import { request } from './rest-conversation.js';

export const JSON_CONVERTER = 'org.apache.kafka.connect.json.JsonConverter';
export const STRING_CONVERTER = 'org.apache.kafka.connect.storage.StringConverter';

export const SINK = 'numbers-sink';
export const TOPIC = 'numbers';
export const DEAD = 'numbers-dead';
const PARTITIONS = 3;

/** What /ext/jobs answers, as far as specs look at it. */
export interface Job {
  readonly id: string;
  readonly state: string;
  readonly progress: (Record<string, unknown> & { done: number; total: number; redriven: number; already_redriven: number; filtered: number; would_redrive?: number }) | null;
  readonly error: string | null;
  readonly worker_id: string | null;
  readonly schedule_id?: string;
  readonly next_run: number | null;
  readonly store: string;
  readonly is_durable: boolean;
}

/** A topic in which some records are no JSON, a file sink that expects JSON, and its dead-letter topic; broker and workers are processes. */
export class RedriveScene {
  readonly sent = new Set<string>();
  private readonly output: string;

  private constructor(
    folder: string,
    private readonly broker: MillraceProcess,
    readonly bootstrap: string,
    readonly pool: WorkerPool,
  ) {
    this.output = path.join(folder, 'out.txt');
  }

  static async start(folder: string, settings: Readonly<Record<string, string>> = {}): Promise<RedriveScene> {
    const port = await freePort();
    const bootstrap = `127.0.0.1:${port}`;
    const broker = await MillraceProcess.start({
      root: repositoryRoot(),
      app: 'broker',
      folder: path.join(folder, 'broker'),
      config: { 'node.id': '1', listeners: `PLAINTEXT://${bootstrap}`, 'log.dirs': path.join(folder, 'data'), 'offsets.topic.num.partitions': '4', 'group.initial.rebalance.delay.ms': '0' },
      isUp: () => isListening(port),
    });
    return new RedriveScene(folder, broker, bootstrap, new WorkerPool({ folder, bootstrap, groupId: 'jobs', settings: { 'scheduled.rebalance.max.delay.ms': '0', ...settings } }));
  }

  async stop(): Promise<void> {
    await this.pool.stopAll();
    await this.broker.stop();
  }

  get url(): string {
    const [worker] = this.pool.workers;
    if (!worker) throw new Error('no worker runs');
    return worker.url;
  }

  /** Each record in a partition of its number's; every hundredth is no JSON. */
  async produce(count: number): Promise<void> {
    const admin = new Admin({ bootstrapServers: this.bootstrap });
    await admin.createTopics([{ name: TOPIC, partitions: PARTITIONS, replicationFactor: 1 }]);
    await admin.close();
    const producer = new Producer({ bootstrapServers: this.bootstrap });
    await Promise.all(
      Array.from({ length: count }, (_, n) => {
        const isBad = n % 100 === 42;
        this.sent.add(isBad ? `no JSON ${n}` : `good ${n}`);
        return producer.send({ topic: TOPIC, partition: n % PARTITIONS, key: `k${n}`, value: isBad ? `no JSON ${n}` : `"good ${n}"`, headers: { origin: `h${n}` } });
      }),
    );
    await producer.close();
  }

  async putSink(valueConverter: string): Promise<void> {
    await putConnector(() => this.url, SINK, {
      'connector.class': 'org.apache.kafka.connect.file.FileStreamSinkConnector',
      'tasks.max': '1',
      topics: TOPIC,
      file: this.output,
      'key.converter': STRING_CONVERTER,
      'value.converter': valueConverter,
      ...(valueConverter === JSON_CONVERTER ? { 'value.converter.schemas.enable': 'false' } : {}),
      'errors.tolerance': 'all',
      'errors.deadletterqueue.topic.name': DEAD,
      'errors.deadletterqueue.topic.replication.factor': '1',
      'errors.deadletterqueue.context.headers.enable': 'true',
    });
    await waitFor('the sink runs', 30_000, async () => (await connectorStatuses(this.url))?.get(SINK)?.tasks.some((it) => it.state === 'RUNNING') === true);
  }

  lines(): string[] {
    return fs.existsSync(this.output) ? fs.readFileSync(this.output, 'utf8').split('\n').filter((it) => it !== '') : [];
  }

  async untilArrived(count: number): Promise<void> {
    await waitFor(`${count} different lines`, 90_000, async () => new Set(this.lines()).size >= count);
  }

  async deadLetters(count: number): Promise<ConsumerRecord[]> {
    const consumer = new Consumer({ bootstrapServers: this.bootstrap, autoOffsetReset: 'earliest', enableAutoCommit: false });
    const found: ConsumerRecord[] = [];
    try {
      consumer.assign([{ topic: DEAD, partition: 0 }]);
      await waitFor(`${count} dead letters`, 30_000, async () => {
        found.push(...(await consumer.poll(200)));
        return found.length >= count;
      });
      found.push(...(await consumer.poll(200)));
      return found;
    } finally {
      await consumer.close({ timeoutMs: 500 });
    }
  }

  async post(body: object, url = this.url): Promise<Job> {
    const { status, location, text } = await request(url, { method: 'POST', path: '/ext/jobs', body });
    const job = JSON.parse(text) as Job;
    expect([status, location]).toEqual([202, `${url}/ext/jobs/${job.id}`]);
    return job;
  }

  async job(id: string, url = this.url): Promise<Job> {
    const { status, text } = await request(url, { method: 'GET', path: `/ext/jobs/${id}` });
    if (status !== 200) throw new Error(text);
    return JSON.parse(text) as Job;
  }

  async jobs(url = this.url): Promise<Job[]> {
    return JSON.parse((await request(url, { method: 'GET', path: '/ext/jobs' })).text) as Job[];
  }

  /** Each look at the job until it is so. */
  async watch(id: string, until: (job: Job) => boolean, timeoutMs = 60_000): Promise<Job[]> {
    const looks: Job[] = [];
    await waitFor(`the job ${id} is as expected`, timeoutMs, async () => {
      const job = await this.job(id);
      looks.push(job);
      if (!until(job) && (job.state === 'failed' || job.state === 'completed')) throw new Error(`the job ended: ${JSON.stringify(job)}`);
      return until(job);
    });
    return looks;
  }

  workerOf(job: Job): PoolWorker {
    const worker = this.pool.workers.find((it) => it.id === job.worker_id);
    if (!worker) throw new Error(`no worker ${job.worker_id}`);
    return worker;
  }
}
