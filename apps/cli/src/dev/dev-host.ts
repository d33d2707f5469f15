import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pino from 'pino';
import { startBrokerApp, type BrokerApp } from '@millrace/broker';
import { startConnectApp, VERSION, type ConnectApp } from '@millrace/connect';
import { EmbeddedPostgres } from '@millrace/embedded-postgres';
import { isRetriable, OperationalError, type Logger } from '@millrace/foundation';
import { createLogging, type Logging } from '@millrace/hosting';
import { ConnectClient } from '../connect-client.js';
import { demoConnectors, ORDERS_TOPIC } from './demo-connectors.js';
import { makeDemoDatabases, SINK_DATABASE, SOURCE_DATABASE } from './demo-databases.js';
import { bootstrapServers, brokerPorts, brokerProperties, controllerPorts, workerPorts, workerProperties, type DevCluster } from './dev-cluster.js';
import type { LiveFigures, PanelFacts } from './panel.js';
import { requireFreePorts } from './port-check.js';
import { step } from './progress.js';
import { Traffic } from './traffic.js';

/** `host`: the address that brokers and REST interfaces listen on; the demo databases stay on the loopback address. */
export interface DevOptions extends DevCluster {
  readonly postgresPort: number;
  /** The demo databases, connectors and traffic. */
  readonly withDemo: boolean;
  /** Folders whose installed packages are searched for plugins. */
  readonly pluginRoots: readonly string[];
}

const CONNECTORS_RUN_WITHIN_MS = 60_000;

/**
 * Millrace in one process: brokers (one that is its own controller, or a cluster of them), Connect workers, and for the demo a PostgreSQL server, talking to each
 * other over the same loopback connections that processes of their own would use.
 */
export class DevHost {
  private postgres: EmbeddedPostgres | undefined;
  private readonly brokers: BrokerApp[] = [];
  private readonly workers: ConnectApp[] = [];
  private traffic: Traffic | undefined;
  private readonly logging: Logging;
  private readonly client: ConnectClient;
  private connectors: readonly string[] = [];
  private readonly failure = { error: undefined as unknown };

  constructor(private readonly options: DevOptions) {
    fs.mkdirSync(options.dataFolder, { recursive: true });
    this.logging = createLogging({ destination: pino.destination({ dest: this.logFile, sync: true, mkdir: true }) });
    this.client = new ConnectClient(`http://127.0.0.1:${options.connectPort}`);
  }

  get logFile(): string {
    return path.join(this.options.dataFolder, 'millrace.log');
  }

  private get logger(): Logger {
    return this.logging.logger;
  }

  /** Rejects with a reason to show; what has been started is then stopped by `stop`. */
  async start(): Promise<PanelFacts> {
    const { connectPort, postgresPort, dataFolder, withDemo } = this.options;
    const begun = performance.now();
    await requireFreePorts([
      ...brokerPorts(this.options).map((port) => ({ port, purpose: 'a broker', flag: '--broker-port' })),
      ...controllerPorts(this.options).map((port) => ({ port, purpose: 'a controller', flag: '--broker-port' })),
      ...workerPorts(this.options).map((port) => ({ port, purpose: 'a Connect REST interface', flag: '--connect-port' })),
      ...(withDemo ? [{ port: postgresPort, purpose: 'the demo databases', flag: '--postgres-port' }] : []),
    ]);
    const [postgres] = await Promise.all([withDemo ? step('PostgreSQL with two demo databases', () => this.startPostgres()) : undefined, step(this.what(), () => this.startBrokersAndWorkers())]);
    this.postgres = postgres;
    if (postgres) await step('Source and sink connector', () => this.startDemo(postgres));
    return {
      bootstrap: bootstrapServers(this.options),
      connectUrl: `http://127.0.0.1:${connectPort}`,
      sourceUrl: postgres?.url(SOURCE_DATABASE) ?? '',
      sinkUrl: postgres?.url(SINK_DATABASE) ?? '',
      topic: ORDERS_TOPIC,
      dataFolder,
      readyInMs: performance.now() - begun,
    };
  }

  async figures(): Promise<LiveFigures> {
    if (this.failure.error !== undefined) throw this.failure.error;
    const states = await Promise.all(this.connectors.map(async (name) => ({ name, state: await this.stateOf(name) })));
    return { ...(this.traffic?.figures ?? { sourceRows: 0, sinkRows: 0, changes: 0, latencyMs: undefined }), connectors: states };
  }

  /** In the order in which things depend on each other; what never started is passed over. */
  async stop(): Promise<void> {
    await this.traffic?.stop();
    await Promise.all(this.workers.map((it) => it.close()));
    await Promise.all(this.brokers.map((it) => it.close()));
    await this.postgres?.stop();
  }

  private async startPostgres(): Promise<EmbeddedPostgres> {
    const postgres = await EmbeddedPostgres.start({ folder: path.join(this.options.dataFolder, 'postgres'), port: this.options.postgresPort, logger: this.logger });
    this.postgres = postgres;
    await makeDemoDatabases(postgres);
    return postgres;
  }

  private what(): string {
    const { brokers, workers } = this.options;
    return `${brokers === 1 ? 'Broker' : `${brokers} brokers`} and ${workers === 1 ? 'Connect worker' : `${workers} Connect workers`}`;
  }

  private async startBrokersAndWorkers(): Promise<void> {
    const { logging } = this;
    const onFailure = (error: unknown): void => {
      this.failure.error = error;
    };
    // None of a cluster is ready before most of them are.
    const brokers = await Promise.allSettled(brokerProperties(this.options).map((config) => startBrokerApp({ config, logging, onFailure })));
    for (const it of brokers) if (it.status === 'fulfilled') this.brokers.push(it.value);
    for (const it of brokers) if (it.status === 'rejected') throw it.reason;
    for (const config of workerProperties(this.options)) this.workers.push(await startConnectApp({ config, logging, pluginRoots: this.options.pluginRoots, version: VERSION, onFailure }));
    await this.until('the Connect worker is ready', async () => this.client.isHealthy());
  }

  private async startDemo(postgres: EmbeddedPostgres): Promise<void> {
    const connectors = demoConnectors(postgres);
    for (const { name, config } of connectors) {
      await this.until(`${name} is registered`, async () => {
        try {
          await this.client.put(name, config);
          return true;
        } catch (error) {
          if (isRetriable(error)) return false;
          throw error;
        }
      });
    }
    this.connectors = connectors.map((it) => it.name);
    for (const name of this.connectors) await this.until(`${name} runs`, async () => (await this.stateOf(name)) === 'RUNNING');
    this.traffic = new Traffic(postgres, this.logger.child({ logger: 'dev.traffic' }));
    this.traffic.start();
  }

  /** The worst of the connector's and its tasks' states. */
  private async stateOf(name: string): Promise<string> {
    const status = await this.client.status(name);
    if (!status || status.tasks.length === 0) return 'STARTING';
    return [status.connector.state, ...status.tasks.map((it) => it.state)].find((it) => it !== 'RUNNING') ?? 'RUNNING';
  }

  private async until(what: string, isSo: () => Promise<boolean>): Promise<void> {
    const end = performance.now() + CONNECTORS_RUN_WITHIN_MS;
    while (!(await isSo())) {
      if (this.failure.error !== undefined) throw this.failure.error;
      if (performance.now() > end) throw new OperationalError('DEV_START_TIMEOUT', `Not so within ${CONNECTORS_RUN_WITHIN_MS / 1000} s: ${what}. See ${this.logFile}`);
      await delay(20);
    }
  }
}
