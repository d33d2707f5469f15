import type { SinkPlugin } from '@millrace/connect-api';
import { FileSinkConnector } from './file-sink-connector.js';
import { FileSinkTask } from './file-sink-task.js';

export { FileSinkConnector, FileSinkTask };
export { SINK_CONFIG } from './config/sink-config-def.js';

/** What the manifest's entry names. */
export const plugin: SinkPlugin = { connector: () => new FileSinkConnector(), task: () => new FileSinkTask() };
