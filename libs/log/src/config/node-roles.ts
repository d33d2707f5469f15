import { OperationalError, type BrokerId, type Endpoint } from '@millrace/foundation';
import type { BrokerConfig, BrokerConfigKey } from './broker-config.js';
import { allListeners, checkSecurityProtocols, type NamedEndpoint } from './listeners.js';

export interface QuorumVoter extends Endpoint {
  readonly id: BrokerId;
}

/** What this process is in its cluster, checked as Kafka checks it. */
export interface NodeRoles {
  readonly isBroker: boolean;
  readonly isController: boolean;
  /** Both roles, and nobody else in the quorum: it needs no listener for controllers, and no formatting. */
  readonly isSole: boolean;
  /** To be bound for clients and other brokers; none without the role broker. */
  readonly clientListeners: readonly NamedEndpoint[];
  /** To be bound for controllers and for brokers that ask them; none without the role controller. */
  readonly controllerListeners: readonly NamedEndpoint[];
  /** The listener by which controllers are reached. */
  readonly controllerListenerName: string;
  /** `controller.quorum.voters`; empty with a dynamic quorum, and for a sole node that names none. */
  readonly voters: readonly QuorumVoter[];
  readonly bootstrapServers: readonly Endpoint[];
}

const DEFAULT_CONTROLLER_LISTENER = 'CONTROLLER';

/** Throws code `INVALID_CONFIG`, naming the key. */
export function nodeRoles(config: BrokerConfig): NodeRoles {
  const roles = config.get('process.roles');
  const isBroker = roles.includes('broker');
  const isController = roles.includes('controller');
  if (!isBroker && !isController) throw invalid(config, 'process.roles', 'a process is a broker, a controller, or both');
  const voters = config.get('controller.quorum.voters').map((it) => parseVoter(config, it));
  if (new Set(voters.map((it) => it.id)).size < voters.length) throw invalid(config, 'controller.quorum.voters', 'each voter has an id of its own');
  const bootstrapServers = config.get('controller.quorum.bootstrap.servers').map((it) => parseServer(config, it));
  const isSole = isBroker && isController && bootstrapServers.length === 0 && voters.every((it) => it.id === config.nodeId);
  const names = (config.get('controller.listener.names') ?? []).map((it) => it.toUpperCase());
  const listeners = allListeners(config);
  const clientListeners = listeners.filter((it) => !names.includes(it.name));
  const controllerListeners = listeners.filter((it) => names.includes(it.name));
  if (voters.length === 0 && bootstrapServers.length === 0 && !isSole) {
    throw new OperationalError('INVALID_CONFIG', 'If using process.roles, either controller.quorum.bootstrap.servers must contain the set of bootstrap controllers or controller.quorum.voters must contain a parseable set of controllers.');
  }
  const isVoter = voters.some((it) => it.id === config.nodeId);
  if (isController && voters.length > 0 && !isVoter) {
    throw invalid(config, 'controller.quorum.voters', `if process.roles contains the 'controller' role, the node id ${config.nodeId} must be included in the set of voters`);
  }
  if (!isController && isVoter) throw invalid(config, 'controller.quorum.voters', `if process.roles contains just the 'broker' role, the node id ${config.nodeId} must not be included in the set of voters`);
  if (!isController) {
    if (names.length === 0) throw invalid(config, 'controller.listener.names', 'must contain at least one value when running with just the broker role');
    if (controllerListeners.length > 0) throw invalid(config, 'controller.listener.names', "must not contain a value appearing in the 'listeners' configuration when running with just the broker role");
  } else if (!isSole && names.length === 0) {
    throw invalid(config, 'controller.listener.names', "must contain at least one value appearing in the 'listeners' configuration when running the controller role");
  }
  if (isController && names.some((name) => !listeners.some((it) => it.name === name))) {
    throw invalid(config, 'controller.listener.names', "must only contain values appearing in the 'listeners' configuration when running the controller role");
  }
  if (!isController && config.get('controller.quorum.auto.join.enable')) throw invalid(config, 'controller.quorum.auto.join.enable', "can be true only when process.roles contains the 'controller' role");
  if (!isBroker && clientListeners.length > 0) throw invalid(config, 'listeners', 'must only contain listeners from controller.listener.names when process.roles=controller');
  if (isBroker && clientListeners.length === 0) throw invalid(config, 'listeners', 'there must be at least one listener for clients. Perhaps all listeners appear in controller.listener.names?');
  checkInterBrokerListener(config, clientListeners, isBroker);
  checkSecurityProtocols(config, [...clientListeners.map((it) => it.name), ...(isController ? controllerListeners.map((it) => it.name) : names)]);
  return { isBroker, isController, isSole, clientListeners, controllerListeners, controllerListenerName: names[0] ?? DEFAULT_CONTROLLER_LISTENER, voters, bootstrapServers };
}

function checkInterBrokerListener(config: BrokerConfig, clientListeners: readonly NamedEndpoint[], isBroker: boolean): void {
  const name = config.get('inter.broker.listener.name');
  if (!isBroker || name === null || clientListeners.some((it) => it.name === name.toUpperCase())) return;
  throw invalid(config, 'inter.broker.listener.name', `must be a listener name defined in listeners. The valid options based on currently configured listeners are ${clientListeners.map((it) => it.name).join(',')}`);
}

function parseVoter(config: BrokerConfig, text: string): QuorumVoter {
  const match = /^(\d{1,10})@(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  if (match === null || Number(match[4]) > 65535) throw invalid(config, 'controller.quorum.voters', `expected id@host:port, not ${text}`);
  return { id: Number(match[1]), host: match[2] ?? match[3] ?? '', port: Number(match[4]) };
}

function parseServer(config: BrokerConfig, text: string): Endpoint {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  if (match === null || Number(match[3]) > 65535) throw invalid(config, 'controller.quorum.bootstrap.servers', `expected host:port, not ${text}`);
  return { host: match[1] ?? match[2] ?? '', port: Number(match[3]) };
}

function invalid(config: BrokerConfig, key: BrokerConfigKey, reason: string): OperationalError {
  return new OperationalError('INVALID_CONFIG', `Invalid value ${config.text(key) ?? ''} for configuration ${key}: ${reason}`);
}
