import type { SourcePlugin } from '@millrace/connect-api';
import { PostgresSourceConnector } from './postgres-source-connector.js';
import { PostgresSourceTask } from './postgres-source-task.js';

export { PostgresSourceConnector, PostgresSourceTask };

/** The plugin that the manifest names. */
export const postgresSource: SourcePlugin = {
  connector: () => new PostgresSourceConnector(),
  task: () => new PostgresSourceTask(),
};
