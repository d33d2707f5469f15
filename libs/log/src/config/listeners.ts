import { hostname } from 'node:os';
import { OperationalError, type Endpoint } from '@millrace/foundation';
import type { BrokerConfig } from './broker-config.js';

export interface NamedEndpoint extends Endpoint {
  readonly name: string;
}

/** `listeners`, each name once. */
export function allListeners(config: BrokerConfig): NamedEndpoint[] {
  const listeners = config.get('listeners').map((it) => parseListener('listeners', it));
  mustDiffer('listeners', listeners);
  return listeners;
}

/** Throws `INVALID_CONFIG` when a listener of these has no security protocol, or one that is not there. */
export function checkSecurityProtocols(config: BrokerConfig, names: readonly string[]): void {
  const protocols = securityProtocols(config);
  for (const name of names) {
    const protocol = protocols.get(name);
    if (protocol === undefined) throw new OperationalError('INVALID_CONFIG', `No security protocol defined for listener ${name} in listener.security.protocol.map`);
    if (protocol !== 'PLAINTEXT') throw new OperationalError('INVALID_CONFIG', `listener.security.protocol.map: ${protocol} (listener ${name}) is not supported; only PLAINTEXT is`);
  }
}

/** What clients are told to connect to, by listener name: as configured, or what was bound. */
export function advertisedEndpoints(config: BrokerConfig, bound: readonly NamedEndpoint[]): NamedEndpoint[] {
  const configured = (config.get('advertised.listeners') ?? []).map((it) => parseListener('advertised.listeners', it));
  return bound.map((listener) => {
    const advertised = configured.find((it) => it.name === listener.name) ?? listener;
    const isEverywhere = advertised.host === '' || advertised.host === '0.0.0.0' || advertised.host === '::';
    if (isEverywhere && configured.includes(advertised)) throw new OperationalError('INVALID_CONFIG', `advertised.listeners: ${advertised.name} has no address that a client could connect to`);
    return { name: listener.name, host: isEverywhere ? hostname() : advertised.host, port: advertised.port === 0 ? listener.port : advertised.port };
  });
}

/** The listener that brokers use among themselves: as configured, or the first for clients. */
export function interBrokerListener(config: BrokerConfig): string {
  return config.get('inter.broker.listener.name')?.toUpperCase() ?? config.roles.clientListeners[0]?.name ?? '';
}

function parseListener(key: string, text: string): NamedEndpoint {
  const match = /^([A-Za-z][\w.-]*):\/\/(?:\[([^\]]+)\]|([^/:]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[4]);
  if (match === null || port > 65535) throw new OperationalError('INVALID_CONFIG', `Invalid value ${text} for configuration ${key}: expected NAME://host:port`);
  return { name: (match[1] ?? '').toUpperCase(), host: match[2] ?? match[3] ?? '', port };
}

function mustDiffer(key: string, listeners: readonly NamedEndpoint[]): void {
  const names = listeners.map((it) => it.name);
  if (new Set(names).size < names.length) throw new OperationalError('INVALID_CONFIG', `${key}: each listener must have a different name`);
}

function securityProtocols(config: BrokerConfig): Map<string, string> {
  return new Map(
    config.get('listener.security.protocol.map').map((entry) => {
      const [name = '', protocol = ''] = entry.split(':');
      return [name.trim().toUpperCase(), protocol.trim().toUpperCase()] as const;
    }),
  );
}
