import { NestFactory } from '@nestjs/core';
import { Broker } from '@millrace/log';
import { NestLogger, type Logging } from '@millrace/hosting';
import { BrokerModule } from './broker.module.js';

export interface BrokerAppOptions {
  /** The broker's settings by Kafka's names. */
  readonly config: Readonly<Record<string, string>>;
  readonly logging: Logging;
  /** The broker can go on no longer (its disk failed) and has stopped itself in order. */
  readonly onFailure: (cause: unknown) => void;
}

export interface BrokerApp {
  readonly broker: Broker;
  close(): Promise<void>;
}

/** Resolves when the broker answers on its listeners. Rejects when a port is taken, a setting is wrong or the log directory cannot be used. */
export async function startBrokerApp({ config, logging, onFailure }: BrokerAppOptions): Promise<BrokerApp> {
  const broker = new Broker({ properties: config, logger: logging.logger.child({ logger: 'broker' }), onFailure });
  const nest = await NestFactory.createApplicationContext(BrokerModule.for(broker, logging), { logger: new NestLogger(logging.logger), abortOnError: false });
  return { broker, close: () => nest.close() };
}
