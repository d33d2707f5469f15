import { NestFactory } from '@nestjs/core';
import { Broker } from '@millrace/log';
import { MetricsListener, MetricsPage, NestLogger, type Logging } from '@millrace/hosting';
import { BrokerModule } from './broker.module.js';
import { brokerFamilies } from './metrics/broker-families.js';
import { metricsSettings, type MetricsSettings } from './metrics/metrics-settings.js';

export interface BrokerAppOptions {
  /** The broker's settings by Kafka's names, and `metrics.port`, `metrics.host`. */
  readonly config: Readonly<Record<string, string>>;
  readonly logging: Logging;
  /** The broker can go on no longer (its disk failed) and has stopped itself in order. */
  readonly onFailure: (cause: unknown) => void;
  /** The start has begun; `close` ends it in order, and it rejects then. */
  readonly onStarting?: (starting: { close(): Promise<void> }) => void;
}

export interface BrokerApp {
  readonly broker: Broker;
  /** Where `GET /metrics` is answered; undefined without `metrics.port`. */
  readonly metricsPort: number | undefined;
  close(): Promise<void>;
}

/** Resolves when the broker answers on its listeners. Rejects when a port is taken, a setting is wrong or the log directory cannot be used. */
export async function startBrokerApp({ config, logging, onFailure, onStarting }: BrokerAppOptions): Promise<BrokerApp> {
  const { metrics, rest } = metricsSettings(config);
  const logger = logging.logger.child({ logger: 'broker' });
  const broker = new Broker({ properties: rest, logger, onFailure });
  onStarting?.({ close: () => broker.stop() });
  // Before the broker: while it recovers its logs the page says that it starts.
  const listener = await openMetrics(broker, metrics, logging);
  try {
    const nest = await NestFactory.createApplicationContext(BrokerModule.for(broker, logging), { logger: new NestLogger(logging.logger), abortOnError: false });
    const close = async (): Promise<void> => {
      await nest.close();
      await listener?.close();
    };
    return { broker, metricsPort: listener?.port, close };
  } catch (error) {
    await listener?.close();
    throw error;
  }
}

async function openMetrics(broker: Broker, { port, host }: MetricsSettings, { logger }: Logging): Promise<MetricsListener | undefined> {
  if (port === undefined) return undefined;
  return await MetricsListener.open({ page: new MetricsPage(() => brokerFamilies(broker.metrics())), host, port, logger: logger.child({ logger: 'broker.metrics' }) });
}
