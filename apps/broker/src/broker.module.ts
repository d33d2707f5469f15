import { Module, type DynamicModule } from '@nestjs/common';
import type { Broker } from '@millrace/log';
import { EngineHost, type Logging } from '@millrace/hosting';

@Module({})
export class BrokerModule {
  /** The broker's life is tied to the application's. */
  static for(broker: Broker, logging: Logging): DynamicModule {
    return {
      module: BrokerModule,
      providers: [{ provide: EngineHost, useValue: new EngineHost('broker', broker, logging.logger, { startsWithApplication: true }) }],
    };
  }
}
