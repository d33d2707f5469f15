import type { SinkPlugin } from '@millrace/connect-api';
import { HttpSinkConnector } from './http-sink-connector.js';
import { HttpSinkTask } from './http-sink-task.js';

export { HttpSinkConnector, HttpSinkTask };
export { HTTP_SINK_CONFIG } from './config/http-sink-config-def.js';

/** What the manifest's entry names. */
export const plugin: SinkPlugin = { connector: () => new HttpSinkConnector(), task: () => new HttpSinkTask() };
