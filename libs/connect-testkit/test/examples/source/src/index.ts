import type { SourcePlugin } from '@millrace/connect-api';
import { ExampleSourceTask } from './example-source-task.js';
import { ExampleSource, SETTINGS } from './example-source.js';

export { SETTINGS };

/** What the manifest in package.json names. */
export const plugin: SourcePlugin = { connector: () => new ExampleSource(), task: () => new ExampleSourceTask() };
