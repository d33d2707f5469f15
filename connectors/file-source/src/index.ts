import type { SourcePlugin } from '@millrace/connect-api';
import { FileSourceConnector } from './file-source-connector.js';
import { FileSourceTask } from './file-source-task.js';

export { FileSourceConnector, FileSourceTask };
export { SOURCE_CONFIG } from './config/source-config-def.js';

/** What the manifest's entry names. */
export const plugin: SourcePlugin = { connector: () => new FileSourceConnector(), task: () => new FileSourceTask() };
