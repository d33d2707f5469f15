import { createRequire } from 'node:module';
import { ConnectError, type Converter, type ConverterPlugin, type SinkPlugin, type SourcePlugin } from '@millrace/connect-api';
import { BUILT_IN_CONVERTERS } from '../converters/built-in-converters.js';
import type { PluginDescriptor } from './plugin-descriptor.js';

/** Loads a connector plugin's module into this thread. */
export function loadConnectorPlugin(descriptor: PluginDescriptor): SourcePlugin | SinkPlugin {
  const plugin = loadExport(descriptor) as Partial<SourcePlugin | SinkPlugin> | undefined;
  if (typeof plugin?.connector !== 'function' || typeof plugin.task !== 'function') throw notAPlugin(descriptor, 'connector() and task()');
  return plugin as SourcePlugin | SinkPlugin;
}

export function loadConverter(descriptor: PluginDescriptor): Converter {
  if (descriptor.entry === '') {
    const builtIn = BUILT_IN_CONVERTERS.find((it) => it.class === descriptor.class);
    if (!builtIn) throw new ConnectError(`${descriptor.class} does not come with this worker`);
    return builtIn.make();
  }
  const plugin = loadExport(descriptor) as Partial<ConverterPlugin> | undefined;
  if (typeof plugin?.converter !== 'function') throw notAPlugin(descriptor, 'converter()');
  return plugin.converter();
}

function loadExport(descriptor: PluginDescriptor): unknown {
  const exports = createRequire(descriptor.entry)(descriptor.entry) as Record<string, unknown>;
  return exports[descriptor.exportName];
}

function notAPlugin(descriptor: PluginDescriptor, members: string): ConnectError {
  return new ConnectError(`The export ${descriptor.exportName} of ${descriptor.entry} is not a plugin: it has no ${members}`);
}
