import type { Herder } from '../herder/herder.js';
import type { ConnectRestApi } from './connect-api.js';
import { inStage, withinBudget } from './request-budget.js';
import { badRequest } from './rest-error.js';
import type { ConfigPatch, ServerInfo, WorkerHealth } from './shapes.js';

export interface RestApiOptions {
  readonly herder: Herder;
  readonly serverInfo: () => ServerInfo;
  readonly health: () => Promise<WorkerHealth>;
  readonly requestTimeoutMs: number;
}

/** The REST verbs, each from the part that does it. */
export function restApi({ herder, serverInfo, health, requestTimeoutMs }: RestApiOptions): ConnectRestApi {
  const { reads, writes, validator, signals, healths } = herder;
  const timed = <T>(work: () => Promise<T>): Promise<T> => withinBudget(requestTimeoutMs, work);
  return {
    serverInfo,
    health,
    connectorNames: () => reads.names(),
    connectorsExpanded: (expand) => reads.expanded(expand),
    createConnector: (request, origin) => timed(() => writes.create(request, origin)),
    connectorInfo: (name) => reads.info(name),
    connectorConfig: (name) => reads.config(name),
    putConnectorConfig: (name, config, origin) => timed(() => writes.putConfig(name, config, origin)),
    patchConnectorConfig: (name, patch, origin) => timed(() => writes.patchConfig(name, patch, origin)),
    deleteConnector: (name, origin) => timed(() => writes.remove(name, origin)),
    connectorStatus: (name) => reads.status(name),
    connectorTasks: (name) => reads.tasks(name),
    taskStatus: (name, task) => reads.taskStatus(name, task),
    restartConnector: (name, options, origin) => timed(() => writes.restart(name, options, origin)),
    restartTask: (connector, task, origin) => timed(() => writes.restartTask({ connector, task }, origin)),
    pauseConnector: (name) => timed(() => writes.setTarget(name, 'PAUSED')),
    resumeConnector: (name) => timed(() => writes.setTarget(name, 'STARTED')),
    stopConnector: (name, origin) => timed(() => writes.stop(name, origin)),
    connectorOffsets: (name) => timed(() => reads.connectorOffsets(name)),
    alterConnectorOffsets: (name, { offsets }, origin) => timed(() => writes.alterOffsets(name, offsets, origin)),
    resetConnectorOffsets: (name, origin) => timed(() => writes.resetOffsets(name, origin)),
    connectorTopics: (name) => reads.topics(name),
    resetConnectorTopics: (name) => timed(() => writes.resetTopics(name)),
    plugins: ({ connectorsOnly }) => reads.plugins(connectorsOnly),
    pluginConfig: async (plugin, version) => await timed(() => validator.pluginConfig(plugin, version)),
    validateConfig: async (plugin, config) => {
      checkPlugin(plugin, config);
      return await timed(() => inStage('validating the config of a connector', () => validator.validate(config)));
    },
    putTaskConfigs: (name, body, signature, origin) => timed(() => writes.putTaskConfigs(name, body, signature, origin)),
    fenceZombies: (name, body, signature, origin) => timed(() => writes.fence(name, body, signature, origin)),
    setClusterLoggerLevel: (logger, level) => timed(() => writes.setLoggerLevel(logger, level)),
    signalConnector: (name, request, origin) => timed(() => signals.send(name, request, origin)),
    connectorHealth: (name, origin) => timed(() => healths.of(name, origin)),
    signalTask: (connector, task, body, signature) => timed(() => signals.take({ connector, task }, body, signature)),
  };
}

/** The class in the path must be the one in the config, by its full, simple or short name. */
function checkPlugin(plugin: string, config: ConfigPatch): void {
  const included = config['connector.class'];
  if (typeof included !== 'string') return;
  const simple = (name: string): string => name.slice(name.lastIndexOf('.') + 1).replace(/Connector$/, '');
  if (simple(plugin) !== simple(included)) throw badRequest(`Included connector type ${included} does not match request type ${plugin}`);
}
