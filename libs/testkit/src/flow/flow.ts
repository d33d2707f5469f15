import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { repositoryRoot } from '../peers/peer-cache.js';
import { freePort } from '../processes/free-port.js';
import { MillraceProcess } from '../processes/millrace-process.js';
import type { DatabaseServer } from './database-server.js';

const JSON_PLAIN = { 'key.converter': 'org.apache.kafka.connect.json.JsonConverter', 'value.converter': 'org.apache.kafka.connect.json.JsonConverter' };

export interface FlowOptions {
  /** Data and logs. */
  readonly folder: string;
  readonly postgres: DatabaseServer;
  readonly sourceDatabase: string;
  readonly sinkDatabase: string;
  readonly table: string;
  /** A broker that somebody else runs; absent: ours is started. */
  readonly bootstrap?: string;
  /** A Connect worker that somebody else runs; absent: ours is started. */
  readonly restUrl?: string;
}

/** The main job as processes: a broker and a worker, a source and a sink connector between two databases. Each process can be killed and started again. */
export class Flow {
  readonly topic: string;
  private broker: MillraceProcess | undefined;
  private worker: MillraceProcess | undefined;

  private constructor(
    private readonly options: FlowOptions,
    readonly bootstrap: string,
    readonly restUrl: string,
  ) {
    this.topic = `flow.public.${options.table}`;
  }

  static async start(options: FlowOptions): Promise<Flow> {
    const flow = new Flow(options, options.bootstrap ?? `127.0.0.1:${await freePort()}`, options.restUrl ?? `http://127.0.0.1:${await freePort()}`);
    fs.mkdirSync(options.folder, { recursive: true });
    if (options.bootstrap === undefined) await flow.startBroker();
    if (options.restUrl === undefined) await flow.startWorker();
    return flow;
  }

  get brokerFolder(): string {
    return path.join(this.options.folder, 'data');
  }

  async startBroker(): Promise<void> {
    const port = Number(this.bootstrap.split(':')[1]);
    this.broker = await MillraceProcess.start({
      root: repositoryRoot(),
      app: 'broker',
      folder: this.options.folder,
      config: { 'node.id': '1', listeners: `PLAINTEXT://${this.bootstrap}`, 'log.dirs': this.brokerFolder, 'offsets.topic.num.partitions': '4', 'group.initial.rebalance.delay.ms': '0', 'log.segment.bytes': '16777216' },
      isUp: () => isListening(port),
    });
  }

  async startWorker(): Promise<void> {
    this.worker = await MillraceProcess.start({
      root: repositoryRoot(),
      app: 'connect',
      folder: this.options.folder,
      config: {
        'bootstrap.servers': this.bootstrap,
        'group.id': 'flow',
        'config.storage.topic': 'flow-configs',
        'offset.storage.topic': 'flow-offsets',
        'status.storage.topic': 'flow-status',
        'config.storage.replication.factor': '-1',
        'offset.storage.replication.factor': '-1',
        'status.storage.replication.factor': '-1',
        'offset.flush.interval.ms': '500',
        listeners: this.restUrl,
        ...JSON_PLAIN,
      },
      // Alive is enough: a worker whose broker is down is healthy only later.
      isUp: async () => (await fetch(`${this.restUrl}/health`).catch(() => undefined)) !== undefined,
    });
  }

  async killBroker(): Promise<void> {
    await this.broker?.kill();
  }

  async killWorker(): Promise<void> {
    await this.worker?.kill();
  }

  async stop(): Promise<void> {
    await this.worker?.stop();
    await this.broker?.stop();
  }

  /** Creates both connectors and resolves when their tasks run. */
  async createConnectors(): Promise<void> {
    const { postgres, sourceDatabase, sinkDatabase, table } = this.options;
    await this.put('flow-source', {
      'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
      'plugin.name': 'pgoutput',
      'tasks.max': '1',
      'database.hostname': postgres.host,
      'database.port': String(postgres.port),
      'database.user': postgres.user,
      'database.password': 'postgres',
      'database.dbname': sourceDatabase,
      'topic.prefix': 'flow',
      'table.include.list': `public.${table}`,
      'slot.name': 'flow',
      'publication.name': 'flow',
      'publication.autocreate.mode': 'filtered',
      'slot.max.retries': '60',
      'slot.retry.delay.ms': '500',
      'retriable.restart.connector.wait.ms': '500',
      ...JSON_PLAIN,
    });
    await this.put('flow-sink', {
      'connector.class': 'io.debezium.connector.jdbc.JdbcSinkConnector',
      'tasks.max': '1',
      topics: this.topic,
      'connection.url': `jdbc:postgresql://${postgres.host}:${postgres.port}/${sinkDatabase}`,
      'connection.username': postgres.user,
      'connection.password': 'postgres',
      'insert.mode': 'upsert',
      'delete.enabled': 'true',
      'primary.key.mode': 'record_key',
      'schema.evolution': 'basic',
      'collection.name.format': table,
      'table.name.format': table,
      'consumer.override.auto.offset.reset': 'earliest',
      ...JSON_PLAIN,
    });
  }

  /** Undefined while no status is known; the worst state of a connector and its tasks, with its trace. */
  async state(name: string): Promise<{ state: string; trace?: string } | undefined> {
    const response = await fetch(`${this.restUrl}/connectors/${name}/status`).catch(() => undefined);
    if (!response?.ok) return undefined;
    const { connector, tasks } = (await response.json()) as { connector: { state: string; trace?: string }; tasks: { state: string; trace?: string }[] };
    if (tasks.length === 0) return undefined;
    return [connector, ...tasks].find((it) => it.state !== 'RUNNING') ?? connector;
  }

  async waitUntilRunning(timeoutMs = 60_000): Promise<void> {
    for (const name of ['flow-source', 'flow-sink']) {
      await waitFor(`${name} runs`, timeoutMs, async () => {
        const state = await this.state(name);
        if (state?.state === 'FAILED') throw new Error(`${name} failed: ${state.trace}`);
        return state?.state === 'RUNNING';
      });
    }
  }

  private async put(name: string, config: Readonly<Record<string, string>>): Promise<void> {
    await waitFor(`${name} is accepted`, 90_000, async () => {
      const response = await fetch(`${this.restUrl}/connectors/${name}/config`, { method: 'PUT', body: JSON.stringify(config), headers: { 'content-type': 'application/json' } }).catch(() => undefined);
      if (response === undefined || response.status === 409 || response.status >= 500) return false;
      if (!response.ok) throw new Error(`${name} was refused: ${await response.text()}`);
      return true;
    });
  }
}

/** Resolves when it is so; rejects with what was waited for after `timeoutMs`. */
export async function waitFor(what: string, timeoutMs: number, isSo: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`not so within ${timeoutMs} ms: ${what}`);
    await delay(20);
  }
}

/** Waits until `count` has reached the goal, for as long as it takes while it grows; rejects when it has stood still for `stillMs`. Slow is not lost. */
export async function waitForCount(what: string, stillMs: number, goal: number, count: () => Promise<number>): Promise<void> {
  for (let before = await count(); before < goal; ) {
    let now = before;
    await waitFor(`${what} (${before} of ${goal})`, stillMs, async () => (now = await count()) > before);
    before = now;
  }
}

export function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
