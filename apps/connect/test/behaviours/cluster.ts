import fs from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import { Writable } from 'node:stream';
import { KafkaClient, Producer } from '@millrace/client';
import { ConnectWorker } from '@millrace/connect-runtime';
import { createLogging } from '@millrace/hosting';
import { Broker } from '@millrace/log';
import { freePort, repositoryRoot, temporaryFolder, waitFor } from '@millrace/testkit';
import { startConnectApp, type ConnectApp } from '../../src/connect-app.js';

/**
 * REST addresses of a cluster that runs already, on this machine: then what can be asked of any Connect cluster is asked of it, and the rest is
 * skipped. It needs Kafka's file connectors.
 */
const FOREIGN = process.env.BEHAVIOURS_REST?.split(',').filter((it) => it !== '') ?? [];

export const isForeign = FOREIGN.length > 0;
/** For what needs our own workers: other plugins, settings, or a worker that goes. */
export const ownIt: jest.It = isForeign ? it.skip : it;

export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly text: string;
}

interface Request {
  readonly body?: unknown;
  /** Number of the worker. */
  readonly worker?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a client of ours shows and trusts. */
export interface ClientTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** Also by the address at which the broker is to listen. */
export type BrokerSettings = Readonly<Record<string, string>> | ((bootstrap: string) => Readonly<Record<string, string>>);

interface StatusBody {
  readonly connector?: { readonly state: string; readonly worker_id: string; readonly trace?: string };
  readonly tasks?: readonly { readonly id: number; readonly state: string; readonly worker_id: string; readonly trace?: string }[];
}

const STRINGS = { 'key.converter': 'org.apache.kafka.connect.storage.StringConverter', 'value.converter': 'org.apache.kafka.connect.storage.StringConverter' };
let clusters = 0;

/** Workers of one group over HTTP: ours on a broker of ours, in this process, or those that BEHAVIOURS_REST names. */
export class Cluster {
  readonly logLines: string[] = [];
  private readonly apps: (ConnectApp | undefined)[] = [];
  private readonly names = new Set<string>();
  /** For requests to https listeners. */
  clientTls: ClientTls = {};

  private constructor(
    readonly urls: string[],
    readonly folder: string,
    private readonly remove: () => void,
    public broker: Broker | undefined,
    readonly bootstrap: string,
    private readonly settings: Readonly<Record<string, string>>,
    /** Makes names of connectors and topics unique among runs. */
    readonly run: string,
    private readonly requestTimeoutMs: number | undefined,
    private readonly brokerSettings: Readonly<Record<string, string>>,
  ) {}

  static async start(options: { readonly workers?: number; readonly settings?: Readonly<Record<string, string>>; readonly requestTimeoutMs?: number; readonly broker?: BrokerSettings } = {}): Promise<Cluster> {
    const folder = temporaryFolder('behaviours');
    const run = `b${process.pid}x${clusters++}${Date.now().toString(36).slice(-4)}`;
    if (isForeign) return new Cluster([...FOREIGN], folder.path, () => folder.remove(), undefined, '', {}, run, undefined, {});
    const port = await freePort();
    const cluster = new Cluster([], folder.path, () => folder.remove(), undefined, `127.0.0.1:${port}`, options.settings ?? {}, run, options.requestTimeoutMs, typeof options.broker === 'function' ? options.broker(`127.0.0.1:${port}`) : (options.broker ?? {}));
    await cluster.startBroker();
    for (let i = 0; i < (options.workers ?? 1); i++) await cluster.addWorker();
    return cluster;
  }

  async startBroker(): Promise<void> {
    const broker = new Broker({
      properties: {
        'node.id': '1',
        listeners: `PLAINTEXT://${this.bootstrap}`,
        'log.dirs': path.join(this.folder, 'data'),
        'offsets.topic.num.partitions': '2',
        'offsets.topic.replication.factor': '1',
        'group.initial.rebalance.delay.ms': '0',
        'group.min.session.timeout.ms': '500',
        ...this.brokerSettings,
      },
    });
    await broker.start();
    this.broker = broker;
  }

  /** Its number. With several protocols it has a listener for each; requests go to the one that it advertises. */
  async addWorker(settings: Readonly<Record<string, string>> = {}, protocols: readonly ('http' | 'https')[] = ['http']): Promise<number> {
    const listeners: string[] = [];
    for (const it of protocols) listeners.push(`${it}://127.0.0.1:${await freePort()}`);
    const lines = new Writable({
      write: (chunk, _encoding, done) => {
        this.logLines.push(String(chunk));
        done();
      },
    });
    const config = { ...this.workerConfig(), listeners: listeners.join(','), ...settings };
    const app = await startConnectApp({ config, logging: createLogging({ destination: lines }), pluginRoots: [], version: 'test', requestTimeoutMs: this.requestTimeoutMs, onFailure: (error) => this.logLines.push(`failed: ${String(error)}`) });
    this.apps.push(app);
    this.urls.push(app.url);
    await waitFor('the worker is healthy', 30_000, async () => (await this.request('GET', '/health', { worker: this.urls.length - 1 })).status === 200);
    return this.apps.length - 1;
  }

  /** A worker of its own, without HTTP: rejects with what it cannot start for. */
  async startWorker(settings: Readonly<Record<string, string>>, whileStarting: (worker: ConnectWorker) => Promise<void> = () => Promise.resolve()): Promise<void> {
    const worker = new ConnectWorker({ config: { ...this.workerConfig(), ...settings }, advertisedUrl: 'http://127.0.0.1:1/', forward: () => Promise.reject(new Error('alone')), pluginRoots: [], logger: createLogging({ level: 'OFF' }).logger });
    try {
      await Promise.all([worker.start(), whileStarting(worker)]);
    } finally {
      await worker.stop();
    }
  }

  async removeWorker(number: number): Promise<void> {
    await this.apps[number]?.close();
    this.apps[number] = undefined;
  }

  workerConfig(): Record<string, string> {
    return {
      'bootstrap.servers': this.bootstrap,
      'group.id': this.run,
      'config.storage.topic': `${this.run}-configs`,
      'offset.storage.topic': `${this.run}-offsets`,
      'status.storage.topic': `${this.run}-status`,
      'config.storage.replication.factor': '1',
      'offset.storage.replication.factor': '1',
      'offset.storage.partitions': '3',
      'status.storage.replication.factor': '1',
      'offset.flush.interval.ms': '200',
      'scheduled.rebalance.max.delay.ms': '0',
      'heartbeat.interval.ms': '200',
      'session.timeout.ms': '6000',
      'task.shutdown.graceful.timeout.ms': '1000',
      'task.restart.max.attempts': '0',
      ...STRINGS,
      'plugin.path': [path.join(__dirname, '../plugins'), path.join(repositoryRoot(), 'libs/connect-runtime/test/plugins')].join(','),
      ...this.settings,
    };
  }

  /** Numbers of those that run. */
  get workers(): number[] {
    return this.urls.map((_, i) => i).filter((i) => isForeign || this.apps[i] !== undefined);
  }

  get liveUrls(): string[] {
    return this.urls.filter((_, i) => isForeign || this.apps[i] !== undefined);
  }

  app(number: number): ConnectApp {
    const app = this.apps[number];
    if (!app) throw new Error(`there is no worker ${number}`);
    return app;
  }

  async request(method: string, where: string, { body, worker, headers }: Request = {}): Promise<Answer> {
    const url = worker === undefined ? this.liveUrls[0] : this.urls[worker];
    const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
    const { status, text: answer } = await send(`${url}${where}`, { method, body: text, headers: { ...(text === undefined ? {} : { 'content-type': 'application/json' }), ...headers } }, this.clientTls);
    let json: unknown;
    try {
      json = answer === '' ? undefined : JSON.parse(answer);
    } catch {
      json = answer;
    }
    return { status, body: json, text: answer };
  }

  /** The same, again while the cluster rebalances. */
  async settled(method: string, where: string, more: Request = {}): Promise<Answer> {
    let answer: Answer = { status: 0, body: undefined, text: '' };
    await waitFor(`${method} ${where} is not refused because of a rebalance`, 60_000, async () => {
      answer = await this.request(method, where, more);
      return answer.status !== 409 || /already exists/.test(answer.text) ? !/rebalance is expected/.test(answer.text) : false;
    });
    return answer;
  }

  name(word: string): string {
    return `${this.run}-${word}`;
  }

  /** Creates a connector by its short name; returns its whole name. */
  async create(word: string, config: Readonly<Record<string, string>>, more: { readonly initial_state?: string } = {}): Promise<string> {
    const name = this.name(word);
    const answer = await this.settled('POST', '/connectors', { body: { name, config, ...more } });
    if (answer.status !== 201) throw new Error(`${name} was refused: ${answer.status} ${answer.text}`);
    this.names.add(name);
    return name;
  }

  async remove_(name: string): Promise<void> {
    await this.settled('DELETE', `/connectors/${name}`);
    this.names.delete(name);
  }

  async status(name: string, worker?: number): Promise<StatusBody> {
    return (await this.request('GET', `/connectors/${name}/status`, worker === undefined ? {} : { worker })).body as StatusBody;
  }

  /** Waits until connector and tasks have these states; on every worker, or on one. */
  async untilStates(name: string, connector: string, tasks: readonly string[], timeoutMs = 40_000): Promise<StatusBody> {
    const wanted = [connector, ...tasks].join(' ');
    let seen = '';
    let status: StatusBody = {};
    await waitFor(`${name} is ${wanted}`, timeoutMs, async () => {
      for (const [number] of this.urls.entries()) {
        if (!isForeign && this.apps[number] === undefined) continue;
        status = await this.status(name, number);
        seen = status.connector ? [status.connector.state, ...(status.tasks ?? []).map((it) => it.state)].join(' ') : JSON.stringify(status);
        if (seen !== wanted) return false;
      }
      return true;
    }).catch((error: unknown) => {
      throw new Error(`${String(error)}; it is ${seen}`);
    });
    return status;
  }

  async offsets(name: string): Promise<unknown> {
    return (await this.settled('GET', `/connectors/${name}/offsets`)).body;
  }

  /** A file of this run. */
  file(name: string): string {
    return path.join(this.folder, name);
  }

  lines(name: string): string[] {
    return fs.existsSync(this.file(name)) ? fs.readFileSync(this.file(name), 'utf8').split('\n').filter((it) => it !== '') : [];
  }

  /** A source that reads a file of this run with these lines. */
  fileSource(word: string, lines: readonly string[]): Record<string, string> {
    fs.writeFileSync(this.file(`${word}.in`), lines.map((it) => `${it}\n`).join(''));
    return { 'connector.class': 'FileStreamSource', file: this.file(`${word}.in`), topic: this.name(`${word}-topic`), 'tasks.max': '1', ...STRINGS };
  }

  fileSink(word: string, topicsOf: string): Record<string, string> {
    return { 'connector.class': 'FileStreamSink', file: this.file(`${word}.out`), topics: this.name(`${topicsOf}-topic`), 'tasks.max': '1', ...STRINGS };
  }

  async produce(topic: string, values: readonly string[]): Promise<void> {
    const producer = new Producer({ bootstrapServers: this.bootstrap });
    await Promise.all(values.map((value) => producer.send({ topic, key: null, value: Buffer.from(value) })));
    await producer.close();
  }

  client(): KafkaClient {
    return new KafkaClient({ bootstrapServers: this.bootstrap });
  }

  async stop(): Promise<void> {
    if (isForeign) for (const name of this.names) await this.settled('DELETE', `/connectors/${name}`);
    await Promise.all(this.apps.flatMap((it) => (it ? [it.close()] : [])));
    await this.broker?.stop();
    this.remove();
  }
}

interface SentRequest {
  readonly method: string;
  readonly body: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

/** Over https with a certificate authority of its own, which `fetch` does not take. */
export async function send(url: string, { method, body, headers }: SentRequest, tls: ClientTls): Promise<{ status: number; text: string }> {
  if (!url.startsWith('https:')) {
    const response = await fetch(url, { method, body, headers });
    return { status: response.status, text: await response.text() };
  }
  return await new Promise((resolve, reject) => {
    const call = https.request(url, { method, headers, ...tls, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text })).on('error', reject);
    });
    call.on('error', reject);
    call.end(body);
  });
}
