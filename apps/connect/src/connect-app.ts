import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { ConnectWorker } from '@millrace/connect-runtime';
import { OperationalError } from '@millrace/foundation';
import { EngineHost, NestLogger, type Logging } from '@millrace/hosting';
import { ConnectModule } from './connect.module.js';
import { forwardOverHttp } from './forward.js';
import { restListener } from './listener.js';

export interface ConnectAppOptions {
  /** The worker's settings by Kafka Connect's names. */
  readonly config: Readonly<Record<string, string>>;
  readonly logging: Logging;
  /** Folders whose installed packages are searched for plugins, besides `plugin.path`. */
  readonly pluginRoots: readonly string[];
  readonly version: string;
  /** The worker cannot go on: it did not start. */
  readonly onFailure: (error: unknown) => void;
}

export interface ConnectApp {
  readonly worker: ConnectWorker;
  readonly url: string;
  close(): Promise<void>;
}

/** A worker and its REST interface: it answers (health: starting) before the worker joins its group. Rejects when the port is taken. */
export async function startConnectApp(options: ConnectAppOptions): Promise<ConnectApp> {
  const { config, logging } = options;
  const listener = restListener(config);
  const worker = new ConnectWorker({ config, advertisedUrl: listener.advertisedUrl, forward: forwardOverHttp, pluginRoots: options.pluginRoots, logger: logging.logger, version: options.version });
  const adapter = new FastifyAdapter({ routerOptions: { ignoreTrailingSlash: true, maxParamLength: 4096 }, bodyLimit: 16 * 1024 * 1024, forceCloseConnections: true });
  const nest = await NestFactory.create<NestFastifyApplication>(ConnectModule.for(worker, logging), adapter, { bodyParser: false, logger: new NestLogger(logging.logger), abortOnError: false });
  // Bodies stay text: a request between workers is signed over its bytes, and broken JSON is answered as Connect answers it.
  adapter.getInstance().addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  try {
    await nest.listen(listener.port, listener.host);
  } catch (cause) {
    await nest.close();
    if ((cause as { code?: unknown }).code !== 'EADDRINUSE') throw cause;
    throw new OperationalError('ADDRESS_IN_USE', `Port ${listener.port} of ${listener.host} is taken by another process (setting listeners).`, { cause });
  }
  if (!isLoopback(listener.host)) logging.logger.warn({ host: listener.host, port: listener.port }, 'the REST interface has no authentication and is reachable from other machines');
  nest.get(EngineHost).startInBackground(options.onFailure);
  return { worker, url: listener.advertisedUrl.replace(/\/$/, ''), close: () => nest.close() };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}
