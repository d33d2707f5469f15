import os from 'node:os';
import { OperationalError } from '@millrace/foundation';

export interface RestListener {
  readonly protocol: 'http' | 'https';
  readonly host: string;
  readonly port: number;
}

/** Where the REST interface listens, how others reach it, and what of it is served. */
export interface RestSettings {
  /** At least one. */
  readonly listeners: readonly RestListener[];
  /** Listeners that serve /admin and nothing else; then the others do not. */
  readonly adminListeners: readonly RestListener[];
  /** `http://host:port/` or `https://…`, for other workers; its host:port is the worker's id. */
  readonly advertisedUrl: string;
  /** Whether /admin is served; an empty `admin.listeners` takes it away. */
  readonly servesAdmin: boolean;
}

type Config = Readonly<Record<string, string>>;

interface NamedListener extends RestListener {
  /** As it was given: with its brackets, or empty. */
  readonly hostText: string;
}

/**
 * By Connect's settings `listeners`, `rest.advertised.host.name`, `rest.advertised.port`, `rest.advertised.listener` and `admin.listeners`. Unlike Connect's, the default is the
 * loopback address. Throws OperationalError.
 */
export function restSettings(config: Config): RestSettings {
  const extensions = config['rest.extension.classes']?.trim();
  if (extensions) throw wrong('rest.extension.classes', extensions, 'REST extensions are not supported yet');
  const listeners = listenersOf('listeners', config.listeners ?? 'http://127.0.0.1:8083');
  if (listeners.length === 0) throw wrong('listeners', '', 'at least one is expected, http://host:port');
  const adminText = config['admin.listeners']?.trim();
  const adminListeners = listenersOf('admin.listeners', adminText ?? '');
  return { listeners: listeners.map(plain), adminListeners: adminListeners.map(plain), advertisedUrl: advertisedUrl(config, listeners), servesAdmin: adminText !== '' };
}

function listenersOf(setting: string, text: string): NamedListener[] {
  const parts = text.split(',').map((it) => it.trim());
  return parts.filter((it) => it !== '').map((it) => listenerOf(setting, it));
}

function listenerOf(setting: string, text: string): NamedListener {
  const [, protocolText = '', hostText = '', portText = ''] = /^([a-z]+):\/\/(\[[^\]]*\]|[^:/]*):(\d{1,5})\/?$/i.exec(text) ?? [];
  const protocol = protocolText.toLowerCase();
  const port = Number(portText);
  if ((protocol !== 'http' && protocol !== 'https') || port > 65535) throw wrong(setting, text, 'expected http://host:port or https://host:port');
  const host = hostText.replace(/^\[|\]$/g, '');
  return { protocol, host: host === '' ? '0.0.0.0' : host, port, hostText };
}

function plain({ protocol, host, port }: NamedListener): RestListener {
  return { protocol, host, port };
}

/** Of the protocol `rest.advertised.listener`; without it http where there is such a listener. */
function advertisedUrl(config: Config, listeners: readonly NamedListener[]): string {
  const wanted = config['rest.advertised.listener']?.trim().toLowerCase();
  const listener = wanted === undefined ? (listeners.find((it) => it.protocol === 'http') ?? listeners[0]) : listeners.find((it) => it.protocol === wanted);
  if (!listener) throw wrong('rest.advertised.listener', wanted ?? '', 'expected the protocol (http or https) of one of the listeners');
  const isEverywhere = ['0.0.0.0', '::'].includes(listener.host);
  const host = config['rest.advertised.host.name'] ?? (isEverywhere ? addressOfMachine() : listener.hostText);
  return `${listener.protocol}://${host}:${config['rest.advertised.port'] ?? listener.port}/`;
}

/** As Java Connect does it: other workers cannot call a listener on all addresses by that name. */
function addressOfMachine(): string {
  const addresses = Object.values(os.networkInterfaces()).flatMap((it) => it ?? []);
  return addresses.find((it) => !it.internal && it.family === 'IPv4')?.address ?? '127.0.0.1';
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

export function wrong(setting: string, value: string, problem: string): OperationalError {
  return new OperationalError('CONFIG_REST', `Invalid value ${value} for configuration ${setting}: ${problem}`);
}
