import { NestFactory } from '@nestjs/core';
import { Broker } from '@millrace/log';
import { NestLogger, type Logging } from '@millrace/hosting';
import { BrokerModule } from './broker.module.js';

export interface BrokerAppOptions {
  /** The broker's settings by Kafka's names. */
  readonly config: Readonly<Record<string, string>>;
  readonly logging: Logging;
}

export interface BrokerApp {
  readonly broker: Broker;
  close(): Promise<void>;
}

/** Resolves when the broker answers on its listeners. Rejects when a port is taken, a setting is wrong or the log directory cannot be used. */
export async function startBrokerApp({ config, logging }: BrokerAppOptions): Promise<BrokerApp> {
  const broker = new Broker({ properties: config, logger: logging.logger.child({ logger: 'broker' }) });
  const nest = await NestFactory.createApplicationContext(BrokerModule.for(broker, logging), { logger: new NestLogger(logging.logger), abortOnError: false });
  return { broker, close: () => nest.close() };
}
