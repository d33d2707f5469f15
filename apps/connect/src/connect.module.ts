import { Module, type DynamicModule } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { ConnectWorker } from '@millrace/connect-runtime';
import { EngineHost, type Logging } from '@millrace/hosting';
import { ConnectErrorFilter } from './rest/connect-error-filter.js';
import { ConnectorsController } from './rest/connectors.controller.js';
import { LoggersController } from './rest/loggers.controller.js';
import { PluginsController } from './rest/plugins.controller.js';
import { BODY_LIMIT } from './rest/rest-server.js';
import { RootController } from './rest/root.controller.js';
import { LOG_LEVEL_REGISTRY, REST_API } from './rest/tokens.js';

@Module({})
export class ConnectModule {
  /** The REST interface over this worker; the worker's life is tied to the application's. */
  static for(worker: ConnectWorker, logging: Logging, { servesAdmin }: { readonly servesAdmin: boolean }): DynamicModule {
    return {
      module: ConnectModule,
      controllers: [RootController, ConnectorsController, PluginsController, ...(servesAdmin ? [LoggersController] : [])],
      providers: [
        { provide: REST_API, useValue: worker.rest },
        { provide: LOG_LEVEL_REGISTRY, useValue: logging.levels },
        { provide: APP_FILTER, useValue: new ConnectErrorFilter(logging.logger.child({ logger: 'connect.rest' }), BODY_LIMIT) },
        { provide: EngineHost, useValue: new EngineHost('connect worker', worker, logging.logger, { startsWithApplication: false }) },
      ],
    };
  }
}
