import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { ConnectWorker } from '@millrace/connect-runtime';
import { OperationalError } from '@millrace/foundation';
import { EngineHost, NestLogger, type Engine, type Logging } from '@millrace/hosting';
import { ConnectModule } from './connect.module.js';
import { forwardOverHttp } from './forward.js';
import { JobRunner } from './jobs/job-runner.js';
import { jobStoreSettings } from './jobs/job-settings.js';
import { Jobs } from './jobs/jobs.js';
import { workerFamilies } from './metrics/worker-families.js';
import { isLoopback, restSettings, type RestSettings } from './rest-settings.js';
import { setLevel } from './rest/loggers.controller.js';
import { restServer } from './rest/rest-server.js';
import { StartGate } from './rest/start-gate.js';

export interface ConnectAppOptions {
  /** The worker's settings by Kafka Connect's names. */
  readonly config: Readonly<Record<string, string>>;
  readonly logging: Logging;
  /** Folders whose installed packages are searched for plugins, besides `plugin.path`. */
  readonly pluginRoots: readonly string[];
  readonly version: string;
  /** Longest time for a request; Connect's 90 s by default. */
  readonly requestTimeoutMs?: number;
  /** The worker cannot go on: it did not start. */
  readonly onFailure: (error: unknown) => void;
}

export interface ConnectApp {
  readonly worker: ConnectWorker;
  readonly url: string;
  close(): Promise<void>;
}

/**
 * A worker and its REST interface. That listens before the worker has started: health says so, and requests about connectors wait. Rejects when a setting is wrong
 * (OperationalError with a code of CONFIG_…, ConfigError) or the port is taken (ADDRESS_IN_USE).
 */
export async function startConnectApp(options: ConnectAppOptions): Promise<ConnectApp> {
  const { config, logging, version, pluginRoots } = options;
  const rest = restSettings(config);
  const worker = new ConnectWorker({ config, advertisedUrl: rest.advertisedUrl, forward: forwardOverHttp, pluginRoots, logger: logging.logger, version, requestTimeoutMs: options.requestTimeoutMs, onLoggerLevel: (name, level) => setLevel(logging.levels, name, level) });
  const jobs = jobsOf(worker, logging);
  const startGate = new StartGate();
  const engine: Engine = {
    start: async () => {
      await worker.start();
      jobs.start();
      startGate.open();
    },
    stop: async () => {
      await jobs.close();
      await worker.stop();
    },
  };
  const module = ConnectModule.for({ rest: worker.rest, jobs, engine, metrics: () => workerFamilies(worker.metrics()), logging, servesAdmin: rest.servesAdmin });
  const nest = await NestFactory.create<NestFastifyApplication>(module, restServer(config, startGate), { bodyParser: false, logger: new NestLogger(logging.logger), abortOnError: false });
  await listen(nest, rest);
  if (!isLoopback(rest.host)) logging.logger.warn({ host: rest.host, port: rest.port }, 'the REST interface has no authentication and is reachable from other machines');
  nest.get(EngineHost).startInBackground(options.onFailure);
  return { worker, url: rest.advertisedUrl.replace(/\/$/, ''), close: () => nest.close() };
}

function jobsOf(worker: ConnectWorker, { logger }: Logging): Jobs {
  const jobLogger = logger.child({ logger: 'connect.jobs' });
  const runner = new JobRunner({ rest: worker.rest, clientSettings: (purpose) => worker.clientSettings(purpose), logger: jobLogger });
  return new Jobs({ settings: jobStoreSettings(worker.settings), workerId: worker.workerId, prepare: (body) => runner.prepare(body), run: (body, context) => runner.run(body, context), logger: jobLogger });
}

async function listen(nest: NestFastifyApplication, { host, port }: RestSettings): Promise<void> {
  try {
    await nest.listen(port, host);
  } catch (cause) {
    await nest.close();
    const { code } = cause as { code?: unknown };
    if (code === 'EADDRINUSE') throw new OperationalError('ADDRESS_IN_USE', `Port ${port} of ${host} is taken by another process (setting listeners).`, { cause });
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') throw new OperationalError('CONFIG_REST', `${host} is not an address of this machine (setting listeners).`, { cause });
    throw cause;
  }
}
