import type { SinkPlugin } from '@millrace/connect-api';
import { ExampleSinkTask } from './example-sink-task.js';
import { ExampleSink, SETTINGS } from './example-sink.js';

export { SETTINGS };

/** What the manifest in package.json names. */
export const plugin: SinkPlugin = { connector: () => new ExampleSink(), task: () => new ExampleSinkTask() };
