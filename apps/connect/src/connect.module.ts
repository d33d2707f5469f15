import { Module, type DynamicModule } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import type { ConnectRestApi } from '@millrace/connect-runtime';
import { EngineHost, MetricsPage, type Engine, type Logging, type MetricFamily } from '@millrace/hosting';
import type { Jobs } from './jobs/jobs.js';
import { JobsController } from './jobs/jobs.controller.js';
import { JOBS } from './jobs/tokens.js';
import { ConnectErrorFilter } from './rest/connect-error-filter.js';
import { ConnectorsController } from './rest/connectors.controller.js';
import { ExtensionsController } from './rest/extensions.controller.js';
import { LoggersController } from './rest/loggers.controller.js';
import { MetricsController } from './rest/metrics.controller.js';
import { PluginsController } from './rest/plugins.controller.js';
import { BODY_LIMIT } from './rest/rest-server.js';
import { RootController } from './rest/root.controller.js';
import { LOG_LEVEL_REGISTRY, METRICS_PAGE, REST_API } from './rest/tokens.js';

export interface ConnectModuleOptions {
  readonly rest: ConnectRestApi;
  readonly jobs: Jobs;
  /** Its life is tied to the application's. */
  readonly engine: Engine;
  /** Asked at each scrape of /metrics. */
  readonly metrics: () => readonly MetricFamily[];
  readonly logging: Logging;
  readonly servesAdmin: boolean;
}

@Module({})
export class ConnectModule {
  static for({ rest, jobs, engine, metrics, logging, servesAdmin }: ConnectModuleOptions): DynamicModule {
    return {
      module: ConnectModule,
      controllers: [RootController, MetricsController, ConnectorsController, PluginsController, ExtensionsController, JobsController, ...(servesAdmin ? [LoggersController] : [])],
      providers: [
        { provide: REST_API, useValue: rest },
        { provide: JOBS, useValue: jobs },
        { provide: METRICS_PAGE, useValue: new MetricsPage(metrics) },
        { provide: LOG_LEVEL_REGISTRY, useValue: logging.levels },
        { provide: APP_FILTER, useValue: new ConnectErrorFilter(logging.logger.child({ logger: 'connect.rest' }), BODY_LIMIT) },
        { provide: EngineHost, useValue: new EngineHost('connect worker', engine, logging.logger, { startsWithApplication: false }) },
      ],
    };
  }
}
