import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Broker } from '@millrace/log';
import { temporaryFolder, waitFor } from '@millrace/testkit';
import { SILENT_LOGGER, type Logger } from '@millrace/foundation';
import { ConnectRestError, ConnectWorker, type ForwardRequest, type ForwardResponse, type StringMap } from '../src/index.js';

const JSON_CONVERTER = 'org.apache.kafka.connect.json.JsonConverter';

/** A broker in this process and workers on it that reach each other without HTTP. */
export class WorkerCluster {
  readonly workers = new Map<string, ConnectWorker>();
  readonly forwarded: string[] = [];
  private constructor(
    readonly broker: Broker,
    readonly bootstrap: string,
    readonly folder: string,
    private readonly remove: () => void,
  ) {}

  static async start(): Promise<WorkerCluster> {
    const folder = temporaryFolder('connect');
    const broker = new Broker({
      properties: { 'node.id': '1', listeners: 'PLAINTEXT://127.0.0.1:0', 'log.dirs': path.join(folder.path, 'data'), 'offsets.topic.num.partitions': '2', 'offsets.topic.replication.factor': '1', 'group.initial.rebalance.delay.ms': '0', 'group.min.session.timeout.ms': '500' },
    });
    await broker.start();
    const endpoint = broker.endpoints[0]!;
    return new WorkerCluster(broker, `${endpoint.host}:${endpoint.port}`, folder.path, () => folder.remove());
  }

  workerConfig(over: StringMap = {}): Record<string, string> {
    return {
      'bootstrap.servers': this.bootstrap,
      'group.id': 'workers',
      'config.storage.topic': 'connect-configs',
      'offset.storage.topic': 'connect-offsets',
      'status.storage.topic': 'connect-status',
      'config.storage.replication.factor': '1',
      'offset.storage.replication.factor': '1',
      'offset.storage.partitions': '3',
      'status.storage.replication.factor': '1',
      'offset.flush.interval.ms': '200',
      'scheduled.rebalance.max.delay.ms': '0',
      'heartbeat.interval.ms': '300',
      'session.timeout.ms': '6000',
      'task.shutdown.graceful.timeout.ms': '2000',
      'key.converter': JSON_CONVERTER,
      'value.converter': JSON_CONVERTER,
      'plugin.path': path.join(__dirname, 'plugins'),
      ...over,
    };
  }

  async addWorker(name: string, over: StringMap = {}, logger: Logger = SILENT_LOGGER): Promise<ConnectWorker> {
    const worker = new ConnectWorker({ config: this.workerConfig(over), advertisedUrl: `http://${name}:8083/`, pluginRoots: [], logger, forward: (request) => this.forward(request) });
    await worker.start();
    this.workers.set(`${name}:8083`, worker);
    return worker;
  }

  async removeWorker(name: string): Promise<void> {
    const worker = this.workers.get(`${name}:8083`);
    this.workers.delete(`${name}:8083`);
    await worker?.stop();
  }

  async stop(): Promise<void> {
    await Promise.all([...this.workers.values()].map((it) => it.stop()));
    await this.broker.stop();
    this.remove();
  }

  /** What a collecting sink wrote: the numbers by topic-partition, in order. */
  collected(file: string): number[] {
    const target = path.join(this.folder, file);
    if (!existsSync(target)) return [];
    return readFileSync(target, 'utf8').trimEnd().split('\n').map((line) => Number(line.split(' ')[3]));
  }

  private async forward(request: ForwardRequest): Promise<ForwardResponse> {
    const url = new URL(request.url);
    const rest = this.workers.get(url.host)?.rest;
    if (!rest) throw new Error(`nobody listens at ${url.host}`);
    this.forwarded.push(`${request.method} ${url.pathname}`);
    const origin = { forward: url.searchParams.get('forward') === 'true' };
    const signature = { signature: request.headers['X-Connect-Authorization'], algorithm: request.headers['X-Connect-Request-Signature-Algorithm'] };
    const extension = /^\/ext\/connectors\/([^/]+)\/tasks\/(\d+)\/signal$/.exec(url.pathname);
    const [, , name = '', verb, task] = url.pathname.split('/').map(decodeURIComponent);
    const body = request.body ?? '';
    const json = (): never => JSON.parse(body) as never;
    try {
      if (url.pathname.endsWith('/health')) return answer(200, await rest.connectorHealth(decodeURIComponent(url.pathname.split('/')[3] ?? ''), origin));
      if (extension) return answer(204, await rest.signalTask(decodeURIComponent(extension[1] ?? ''), Number(extension[2]), request.body ?? '', signature));
      if (request.method === 'POST' && name === '') return answer(201, await rest.createConnector(json(), origin));
      if (request.method === 'PUT' && verb === 'config') return answer(200, (await rest.putConnectorConfig(name, json(), origin)).info);
      if (request.method === 'PUT' && verb === 'stop') return answer(204, await rest.stopConnector(name, origin));
      if (request.method === 'DELETE') return answer(204, await rest.deleteConnector(name, origin));
      if (request.method === 'POST' && verb === 'tasks' && task !== undefined) return answer(204, await rest.restartTask(name, Number(task), origin));
      if (request.method === 'POST' && verb === 'tasks') return answer(204, await rest.putTaskConfigs(name, body, signature, origin));
      const choice = { includeTasks: url.searchParams.get('includeTasks') === 'true', onlyFailed: url.searchParams.get('onlyFailed') === 'true' };
      if (request.method === 'POST' && verb === 'restart') return answer(202, await rest.restartConnector(name, choice, origin));
    } catch (error) {
      if (!(error instanceof ConnectRestError)) throw error;
      return { status: error.status, body: JSON.stringify({ error_code: error.status, message: error.message }) };
    }
    throw new Error(`no such path: ${request.method} ${url.pathname}`);
  }
}

/** Waits until connector and tasks have these states. */
export async function untilStatus(worker: ConnectWorker, name: string, connector: string, tasks: readonly string[]): Promise<void> {
  const states = (): string => {
    try {
      const status = worker.rest.connectorStatus(name);
      return [status.connector.state, ...status.tasks.map((it) => it.state)].join(' ');
    } catch {
      return 'none';
    }
  };
  const traces = (): string => {
    const status = worker.rest.connectorNames().includes(name) ? worker.rest.connectorStatus(name) : undefined;
    return [status?.connector, ...(status?.tasks ?? [])].flatMap((it) => (it?.trace ? [`\n${it.trace}`] : [])).join('');
  };
  const wanted = [connector, ...tasks].join(' ');
  await waitFor(`${name} is ${wanted}`, 20_000, () => Promise.resolve(states() === wanted)).catch((error: unknown) => {
    throw new Error(`${String(error)}; it is ${states()}${traces()}`);
  });
}

/** Fails where a number between 1 and `last` is missing; repeats are allowed. */
export function expectNoGap(numbers: readonly number[], last: number): void {
  const seen = new Set(numbers);
  const missing: number[] = [];
  for (let n = 1; n <= last && missing.length < 5; n++) if (!seen.has(n)) missing.push(n);
  expect(missing).toEqual([]);
}

function answer(status: number, body: unknown): ForwardResponse {
  return { status, body: body === undefined ? '' : JSON.stringify(body) };
}
