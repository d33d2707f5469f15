import { OperationalError, SILENT_LOGGER, type Clock, type Endpoint, type Logger, type Random, type Scheduler, type Transport } from '@millrace/foundation';
import { NodeTransport } from '@millrace/network';
import { systemClock, systemRandom, timerScheduler } from '@millrace/platform';

/** What every client takes. Kafka's defaults where Kafka has one. */
export interface KafkaClientOptions {
  /** `host:port`, several by comma or as a list. */
  readonly bootstrapServers: string | readonly string[];
  readonly clientId?: string;
  readonly requestTimeoutMs?: number;
  /** How long a connection may take to come up (`socket.connection.setup.timeout.ms`). */
  readonly connectTimeoutMs?: number;
  readonly reconnectBackoffMs?: number;
  readonly reconnectBackoffMaxMs?: number;
  readonly retryBackoffMs?: number;
  readonly retryBackoffMaxMs?: number;
  readonly metadataMaxAgeMs?: number;
  readonly connectionsMaxIdleMs?: number;
  /** How long an operation tries again before it gives up (`default.api.timeout.ms`). */
  readonly apiTimeoutMs?: number;
  /** Largest response that is accepted. */
  readonly frameBytesMax?: number;
  readonly transport?: Transport;
  readonly clock?: Clock;
  readonly scheduler?: Scheduler;
  readonly random?: Random;
  readonly logger?: Logger;
}

export interface ClientSettings {
  readonly bootstrap: readonly Endpoint[];
  readonly clientId: string;
  readonly requestTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly reconnectBackoffMs: number;
  readonly reconnectBackoffMaxMs: number;
  readonly retryBackoffMs: number;
  readonly retryBackoffMaxMs: number;
  readonly metadataMaxAgeMs: number;
  readonly connectionsMaxIdleMs: number;
  readonly apiTimeoutMs: number;
  readonly frameBytesMax: number | undefined;
  readonly transport: Transport;
  readonly clock: Clock;
  /** For work in the background: does not keep the process alive. */
  readonly scheduler: Scheduler;
  /** For delays that a caller waits for: the process must not end under it. */
  readonly foregroundScheduler: Scheduler;
  readonly random: Random;
  readonly logger: Logger;
}

/** The system calls at once when it is asked for more. */
const SYSTEM_DELAY_MS_MAX = 2 ** 31 - 1;

const awakeScheduler: Scheduler = {
  after(delayMs, callback) {
    const timer = setTimeout(callback, Math.min(SYSTEM_DELAY_MS_MAX, delayMs));
    return { cancel: () => clearTimeout(timer) };
  },
};

export function clientSettings(options: KafkaClientOptions): ClientSettings {
  return {
    bootstrap: parseBootstrapServers(options.bootstrapServers),
    clientId: options.clientId ?? 'millrace',
    requestTimeoutMs: options.requestTimeoutMs ?? 30_000,
    connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
    reconnectBackoffMs: options.reconnectBackoffMs ?? 50,
    reconnectBackoffMaxMs: options.reconnectBackoffMaxMs ?? 1000,
    retryBackoffMs: options.retryBackoffMs ?? 100,
    retryBackoffMaxMs: options.retryBackoffMaxMs ?? 1000,
    metadataMaxAgeMs: options.metadataMaxAgeMs ?? 300_000,
    connectionsMaxIdleMs: options.connectionsMaxIdleMs ?? 540_000,
    apiTimeoutMs: options.apiTimeoutMs ?? 60_000,
    frameBytesMax: options.frameBytesMax,
    transport: options.transport ?? new NodeTransport(),
    clock: options.clock ?? systemClock,
    scheduler: options.scheduler ?? timerScheduler,
    foregroundScheduler: options.scheduler ?? awakeScheduler,
    random: options.random ?? systemRandom,
    logger: options.logger ?? SILENT_LOGGER,
  };
}

/** Throws OperationalError INVALID_CONFIG for a text that is not a list of `host:port`. */
export function parseBootstrapServers(servers: string | readonly string[]): readonly Endpoint[] {
  const texts = (typeof servers === 'string' ? servers.split(',') : [...servers]).map((it) => it.trim()).filter((it) => it !== '');
  if (texts.length === 0) throw new OperationalError('INVALID_CONFIG', 'bootstrap.servers: at least one host:port is needed');
  return texts.map((text) => {
    const match = /^(?:[A-Z_]+:\/\/)?(?:\[([^\]]+)\]|([^:[\]\s]+)):(\d{1,5})$/i.exec(text);
    const port = Number(match?.[3]);
    const host = match?.[1] ?? match?.[2];
    if (host === undefined || port < 1 || port > 65_535) throw new OperationalError('INVALID_CONFIG', `bootstrap.servers: "${text}" is not host:port`);
    return { host, port };
  });
}
