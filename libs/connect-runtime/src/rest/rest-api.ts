import type { Herder } from '../herder/herder.js';
import type { ConnectRestApi } from './connect-api.js';
import { badRequest } from './rest-error.js';
import type { ConfigPatch, ServerInfo, WorkerHealth } from './shapes.js';

export interface RestApiOptions {
  readonly herder: Herder;
  readonly serverInfo: () => ServerInfo;
  readonly health: () => Promise<WorkerHealth>;
}

/** The REST verbs, each from the part that does it. */
export function restApi({ herder, serverInfo, health }: RestApiOptions): ConnectRestApi {
  const { reads, writes, validator, signals, healths } = herder;
  return {
    serverInfo,
    health,
    connectorNames: () => reads.names(),
    connectorsExpanded: (expand) => reads.expanded(expand),
    createConnector: (request, origin) => writes.create(request, origin),
    connectorInfo: (name) => reads.info(name),
    connectorConfig: (name) => reads.config(name),
    putConnectorConfig: (name, config, origin) => writes.putConfig(name, config, origin),
    patchConnectorConfig: (name, patch, origin) => writes.patchConfig(name, patch, origin),
    deleteConnector: (name, origin) => writes.remove(name, origin),
    connectorStatus: (name) => reads.status(name),
    connectorTasks: (name) => reads.tasks(name),
    taskStatus: (name, task) => reads.taskStatus(name, task),
    restartConnector: (name, options, origin) => writes.restart(name, options, origin),
    restartTask: (connector, task, origin) => writes.restartTask({ connector, task }, origin),
    pauseConnector: (name) => writes.setTarget(name, 'PAUSED'),
    resumeConnector: (name) => writes.setTarget(name, 'STARTED'),
    stopConnector: (name, origin) => writes.stop(name, origin),
    connectorOffsets: (name) => reads.connectorOffsets(name),
    alterConnectorOffsets: (name, { offsets }, origin) => writes.alterOffsets(name, offsets, origin),
    resetConnectorOffsets: (name, origin) => writes.resetOffsets(name, origin),
    connectorTopics: (name) => reads.topics(name),
    resetConnectorTopics: (name) => writes.resetTopics(name),
    plugins: ({ connectorsOnly }) => reads.plugins(connectorsOnly),
    pluginConfig: async (plugin) => await Promise.resolve(validator.pluginConfig(plugin)),
    validateConfig: async (plugin, config) => {
      checkPlugin(plugin, config);
      return await validator.validate(config);
    },
    putTaskConfigs: (name, body, signature, origin) => writes.putTaskConfigs(name, body, signature, origin),
    signalConnector: (name, request, origin) => signals.send(name, request, origin),
    connectorHealth: (name, origin) => healths.of(name, origin),
    signalTask: (connector, task, body, signature) => signals.take({ connector, task }, body, signature),
  };
}

/** The class in the path must be the one in the config, by its full, simple or short name. */
function checkPlugin(plugin: string, config: ConfigPatch): void {
  const included = config['connector.class'];
  if (typeof included !== 'string') return;
  const simple = (name: string): string => name.slice(name.lastIndexOf('.') + 1).replace(/Connector$/, '');
  if (simple(plugin) !== simple(included)) throw badRequest(`Included connector type ${included} does not match request type ${plugin}`);
}
