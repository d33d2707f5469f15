import type { TaskSpec } from '../isolation/task-protocol.js';
import type { PluginDescriptor } from '../plugins/plugin-descriptor.js';
import type { PluginName, StepName, TaskPlugins } from '../worker-metrics.js';

/** What a task is made of: classes and versions. */
export function taskPlugins({ plugin, keyConverter, valueConverter, headerConverter, transformations }: TaskSpec): TaskPlugins {
  return {
    connectorClass: plugin.class,
    taskClass: plugin.taskClass,
    version: plugin.version ?? null,
    keyConverter: nameOf(keyConverter.plugin),
    valueConverter: nameOf(valueConverter.plugin),
    headerConverter: nameOf(headerConverter.plugin),
    transformations: transformations.map(stepOf),
    predicates: [...new Map(transformations.flatMap(({ predicate }) => (predicate === null ? [] : [[predicate.alias, stepOf(predicate)] as const]))).values()],
  };
}

function nameOf(plugin: PluginDescriptor): PluginName {
  return { class: plugin.class, version: plugin.version ?? null };
}

function stepOf({ alias, plugin }: { readonly alias: string; readonly plugin: PluginDescriptor }): StepName {
  return { alias, ...nameOf(plugin) };
}
