import type { SinkPlugin } from '@millrace/connect-api';
import { PostgresSinkConnector } from './postgres-sink-connector.js';
import { PostgresSinkTask } from './postgres-sink-task.js';

export { PostgresSinkConnector, PostgresSinkTask };
export { SINK_CONFIG } from './config/sink-config-def.js';

/** What the manifest's entry names. */
export const plugin: SinkPlugin = { connector: () => new PostgresSinkConnector(), task: () => new PostgresSinkTask() };
