import { createRequire } from 'node:module';
import {
  ConnectError,
  type AnyConfigDef,
  type Converter,
  type ConverterPlugin,
  type HeaderConverter,
  type HeaderConverterPlugin,
  type Predicate,
  type PredicatePlugin,
  type SinkPlugin,
  type SourcePlugin,
  type Transformation,
  type TransformationPlugin,
} from '@millrace/connect-api';
import { BUILT_IN_CONVERTERS, BUILT_IN_HEADER_CONVERTERS } from '../converters/built-in-converters.js';
import { ConvertedHeaders } from '../converters/converted-headers.js';
import { BUILT_IN_PREDICATES, BUILT_IN_TRANSFORMATIONS } from '../transforms/built-in-transformations.js';
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
    if (!builtIn) throw notThere(descriptor);
    return builtIn.make();
  }
  const plugin = loadExport(descriptor) as Partial<ConverterPlugin> | undefined;
  if (typeof plugin?.converter !== 'function') throw notAPlugin(descriptor, 'converter()');
  return plugin.converter();
}

/** A converter of values does for headers too where nothing else is given. */
export function loadHeaderConverter(descriptor: PluginDescriptor): HeaderConverter {
  if (descriptor.entry === '') {
    const builtIn = BUILT_IN_HEADER_CONVERTERS.find((it) => it.class === descriptor.class);
    if (!builtIn) throw notThere(descriptor);
    return builtIn.make();
  }
  const plugin = loadExport(descriptor) as Partial<HeaderConverterPlugin & ConverterPlugin> | undefined;
  if (typeof plugin?.headerConverter === 'function') return plugin.headerConverter();
  if (typeof plugin?.converter === 'function') return new ConvertedHeaders(plugin.converter());
  throw notAPlugin(descriptor, 'headerConverter()');
}

export function loadTransformation(descriptor: PluginDescriptor): Transformation {
  if (descriptor.entry === '') {
    const make = BUILT_IN_TRANSFORMATIONS.get(descriptor.class);
    if (!make) throw notThere(descriptor);
    return make();
  }
  const plugin = loadExport(descriptor) as Partial<TransformationPlugin> | undefined;
  if (typeof plugin?.transformation !== 'function') throw notAPlugin(descriptor, 'transformation()');
  return plugin.transformation();
}

export function loadPredicate(descriptor: PluginDescriptor): Predicate {
  if (descriptor.entry === '') {
    const make = BUILT_IN_PREDICATES.get(descriptor.class);
    if (!make) throw notThere(descriptor);
    return make();
  }
  const plugin = loadExport(descriptor) as Partial<PredicatePlugin> | undefined;
  if (typeof plugin?.predicate !== 'function') throw notAPlugin(descriptor, 'predicate()');
  return plugin.predicate();
}

/** The settings of a converter or header converter, as far as it tells them. */
export function converterConfig(descriptor: PluginDescriptor): AnyConfigDef | undefined {
  if (descriptor.entry === '') return BUILT_IN_CONVERTERS.find((it) => it.class === descriptor.class)?.config;
  return (loadExport(descriptor) as Partial<ConverterPlugin> | undefined)?.config;
}

function loadExport(descriptor: PluginDescriptor): unknown {
  const exports = createRequire(descriptor.entry)(descriptor.entry) as Record<string, unknown>;
  return exports[descriptor.exportName];
}

function notAPlugin(descriptor: PluginDescriptor, members: string): ConnectError {
  return new ConnectError(`The export ${descriptor.exportName} of ${descriptor.entry} is not a plugin: it has no ${members}`);
}

function notThere(descriptor: PluginDescriptor): ConnectError {
  return new ConnectError(`${descriptor.class} does not come with this worker`);
}
