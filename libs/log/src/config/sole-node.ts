import { OperationalError } from '@millrace/foundation';
import type { BrokerConfig } from './broker-config.js';

/** A node has both roles, is its own quorum and has no other broker to talk to. What asks for more is refused, not left aside. Throws code `INVALID_CONFIG`, naming the key. */
export function expectSoleNode(config: BrokerConfig): void {
  const roles = config.get('process.roles');
  if (!roles.includes('broker') || !roles.includes('controller')) throw invalid(config, 'process.roles', 'this node must be both broker and controller');
  for (const voter of config.get('controller.quorum.voters')) {
    if (Number(/^(\d+)@.+:\d+$/.exec(voter)?.[1]) !== config.nodeId) throw invalid(config, 'controller.quorum.voters', `node ${config.nodeId} must be the only voter, as ${config.nodeId}@host:port`);
  }
  if (config.get('controller.quorum.voters').length > 1) throw invalid(config, 'controller.quorum.voters', `node ${config.nodeId} must be the only voter`);
  const interBroker = config.get('inter.broker.listener.name');
  if (interBroker !== null && !listenerNames(config).includes(interBroker.toUpperCase())) throw invalid(config, 'inter.broker.listener.name', 'listeners has no listener of this name');
}

function listenerNames(config: BrokerConfig): string[] {
  return config.get('listeners').map((it) => it.slice(0, it.indexOf('://')).toUpperCase());
}

function invalid(config: BrokerConfig, key: 'process.roles' | 'controller.quorum.voters' | 'inter.broker.listener.name', reason: string): OperationalError {
  return new OperationalError('INVALID_CONFIG', `Invalid value ${config.text(key) ?? ''} for configuration ${key}: ${reason}`);
}
