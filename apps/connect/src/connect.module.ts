import { Module, type DynamicModule } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import type { ConnectRestApi } from '@millrace/connect-runtime';
import { EngineHost, type Engine, type Logging } from '@millrace/hosting';
import { ConnectErrorFilter } from './rest/connect-error-filter.js';
import { ConnectorsController } from './rest/connectors.controller.js';
import { ExtensionsController } from './rest/extensions.controller.js';
import { LoggersController } from './rest/loggers.controller.js';
import { PluginsController } from './rest/plugins.controller.js';
import { BODY_LIMIT } from './rest/rest-server.js';
import { RootController } from './rest/root.controller.js';
import { LOG_LEVEL_REGISTRY, REST_API } from './rest/tokens.js';

export interface ConnectModuleOptions {
  readonly rest: ConnectRestApi;
  /** Its life is tied to the application's. */
  readonly engine: Engine;
  readonly logging: Logging;
  readonly servesAdmin: boolean;
}

@Module({})
export class ConnectModule {
  static for({ rest, engine, logging, servesAdmin }: ConnectModuleOptions): DynamicModule {
    return {
      module: ConnectModule,
      controllers: [RootController, ConnectorsController, PluginsController, ExtensionsController, ...(servesAdmin ? [LoggersController] : [])],
      providers: [
        { provide: REST_API, useValue: rest },
        { provide: LOG_LEVEL_REGISTRY, useValue: logging.levels },
        { provide: APP_FILTER, useValue: new ConnectErrorFilter(logging.logger.child({ logger: 'connect.rest' }), BODY_LIMIT) },
        { provide: EngineHost, useValue: new EngineHost('connect worker', engine, logging.logger, { startsWithApplication: false }) },
      ],
    };
  }
}
