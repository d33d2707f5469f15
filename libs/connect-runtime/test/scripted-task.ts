import type { SinkTask, SourceTask } from '@millrace/connect-api';
import { SILENT_LOGGER } from '@millrace/foundation';
import { NO_ERROR_HANDLING } from '../src/errors/error-settings.js';
import type { TaskHostCalls } from '../src/isolation/task-side.js';
import type { ConverterSpec, TaskSpec } from '../src/isolation/task-protocol.js';
import type { PluginDescriptor } from '../src/plugins/plugin-descriptor.js';

let current: SinkTask | SourceTask | undefined;

/** Loaded as a plugin's module by the loop under test: its task is the one that was scripted last. */
export const plugin = {
  connector: () => {
    throw new Error('only the task is used');
  },
  task: () => current,
};

const BYTES = 'org.apache.kafka.connect.converters.ByteArrayConverter';
export const LOGGER = SILENT_LOGGER;
export const HOST: TaskHostCalls = { readOffsets: (keys) => Promise.resolve(keys.map(() => null)), writeOffsets: () => Promise.resolve(), reportState: () => undefined, reportTopic: () => undefined };

function builtIn(name: string): ConverterSpec {
  const descriptor: PluginDescriptor = { class: name, type: 'converter', version: undefined, folder: '', entry: '', exportName: '', aliases: [], taskClass: '' };
  return { plugin: descriptor, config: {} };
}

export function scriptedSpec(task: SinkTask | SourceTask, over: Partial<TaskSpec> & { readonly type: 'source' | 'sink' }, valueConverter = BYTES): TaskSpec {
  current = task;
  return {
    id: { connector: 'scripted', task: 0 },
    plugin: { class: 'test.Scripted', type: over.type, version: '1', folder: __dirname, entry: __filename, exportName: 'plugin', aliases: [], taskClass: 'test.ScriptedTask' },
    config: {},
    keyConverter: builtIn(BYTES),
    valueConverter: builtIn(valueConverter),
    headerConverter: builtIn(BYTES),
    clientConfig: {},
    secrets: [],
    transformations: [],
    errors: NO_ERROR_HANDLING,
    followerConfig: {},
    adminConfig: null,
    topicCreation: {},
    subscription: null,
    startPaused: false,
    offsetFlushIntervalMs: 3_600_000,
    offsetFlushTimeoutMs: 1000,
    inFlightBytesMax: 1_000_000,
    stallTimeoutMs: 60_000,
    shutdownTimeoutMs: 400,
    tracksTopics: false,
    ...over,
  };
}
