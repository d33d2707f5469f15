import type { SourcePlugin } from '@millrace/connect-api';
import { MongoSourceConnector } from './mongo-source-connector.js';
import { MongoSourceTask } from './mongo-source-task.js';

export { MongoSourceConnector, MongoSourceTask };

/** The plugin that the manifest names. */
export const mongoSource: SourcePlugin = {
  connector: () => new MongoSourceConnector(),
  task: () => new MongoSourceTask(),
};
