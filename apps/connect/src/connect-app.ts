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
import { isLoopback, restSettings, type RestListener, type RestSettings } from './rest-settings.js';
import { ADMIN_TLS_PREFIX, clientTls, REST_TLS_PREFIX, serverTls, type ServerTls } from './rest-tls.js';
import { MoreListeners, refuseStrangers } from './rest/listeners.js';
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
  const forward = forwardOverHttp(() => clientTls(worker.settings));
  const worker: ConnectWorker = new ConnectWorker({ config, advertisedUrl: rest.advertisedUrl, forward, pluginRoots, logger: logging.logger, version, requestTimeoutMs: options.requestTimeoutMs, onLoggerLevel: (name, level) => setLevel(logging.levels, name, level) });
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
  const tls = listenerTls(rest, worker.settings);
  const server = restServer(config, startGate, { tls: tls.of(rest.listeners[0]), hasAdminListeners: rest.adminListeners.length > 0 });
  const nest = await NestFactory.create<NestFastifyApplication>(module, server, { bodyParser: false, logger: new NestLogger(logging.logger), abortOnError: false });
  const more = await listen(nest, rest, tls);
  for (const listener of [...rest.listeners, ...rest.adminListeners]) {
    const { host, port } = listener;
    const isGuarded = tls.of(listener)?.clientAuth === 'required';
    if (!isLoopback(host) && !isGuarded) logging.logger.warn({ host, port }, 'the REST interface has no authentication and is reachable from other machines');
  }
  nest.get(EngineHost).startInBackground(options.onFailure);
  const close = async (): Promise<void> => {
    await more.close();
    await nest.close();
  };
  return { worker, url: rest.advertisedUrl.replace(/\/$/, ''), close };
}

interface ListenerTls {
  readonly main: ServerTls | undefined;
  readonly admin: ServerTls | undefined;
  of(listener: RestListener | undefined): ServerTls | undefined;
}

/** Read only where a listener needs it: the settings may be meant for the worker's Kafka clients. */
function listenerTls({ listeners, adminListeners }: RestSettings, config: Readonly<Record<string, string>>): ListenerTls {
  const isSecure = ({ protocol }: RestListener): boolean => protocol === 'https';
  const main = listeners.some(isSecure) ? serverTls(config, REST_TLS_PREFIX) : undefined;
  const admin = adminListeners.some(isSecure) ? serverTls(config, ADMIN_TLS_PREFIX) : undefined;
  return { main, admin, of: (listener) => (listener === undefined || !isSecure(listener) ? undefined : adminListeners.includes(listener) ? admin : main) };
}

function jobsOf(worker: ConnectWorker, { logger }: Logging): Jobs {
  const jobLogger = logger.child({ logger: 'connect.jobs' });
  const runner = new JobRunner({ rest: worker.rest, clientSettings: (purpose) => worker.clientSettings(purpose), logger: jobLogger });
  return new Jobs({ settings: jobStoreSettings(worker.settings), workerId: worker.workerId, prepare: (body) => runner.prepare(body), run: (body, context) => runner.run(body, context), logger: jobLogger });
}

async function listen(nest: NestFastifyApplication, { listeners, adminListeners }: RestSettings, tls: ListenerTls): Promise<MoreListeners> {
  const server = nest.getHttpServer();
  const more = new MoreListeners(server);
  const [first, ...others] = listeners;
  if (tls.of(first)?.clientAuth === 'requested') refuseStrangers(server);
  let current = first;
  try {
    if (first) await nest.listen(first.port, first.host);
    for (const it of [...others, ...adminListeners]) {
      current = it;
      await more.listen(it, tls.of(it), adminListeners.includes(it));
    }
    return more;
  } catch (cause) {
    await more.close();
    await nest.close();
    throw current === undefined ? cause : listenFailure(cause, current, adminListeners.includes(current) ? 'admin.listeners' : 'listeners');
  }
}

function listenFailure(cause: unknown, { host, port }: RestListener, setting: string): unknown {
  const { code } = cause as { code?: unknown };
  if (code === 'EADDRINUSE') return new OperationalError('ADDRESS_IN_USE', `Port ${port} of ${host} is taken by another process (setting ${setting}).`, { cause });
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return new OperationalError('CONFIG_REST', `${host} is not an address of this machine (setting ${setting}).`, { cause });
  return cause;
}
