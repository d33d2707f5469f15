import { OperationalError } from '@millrace/foundation';

/** Where the REST interface listens, how others reach it, and what of it is served. */
export interface RestSettings {
  readonly host: string;
  readonly port: number;
  /** `http://host:port/`, for other workers; its host:port is the worker's id. */
  readonly advertisedUrl: string;
  /** Whether /admin is served; an empty `admin.listeners` takes it away. */
  readonly servesAdmin: boolean;
}

type Config = Readonly<Record<string, string>>;

/** By Connect's settings `listeners`, `rest.advertised.host.name`, `rest.advertised.port` and `admin.listeners`. Unlike Connect's, the default is the loopback address. Throws OperationalError. */
export function restSettings(config: Config): RestSettings {
  const listener = listenerOf(config);
  const adminListeners = config['admin.listeners']?.trim();
  if (adminListeners) throw wrong('admin.listeners', adminListeners, 'separate listeners for /admin are not supported yet: leave the setting out, or empty to serve no /admin');
  const extensions = config['rest.extension.classes']?.trim();
  if (extensions) throw wrong('rest.extension.classes', extensions, 'REST extensions are not supported yet');
  return { ...listener, servesAdmin: adminListeners === undefined };
}

function listenerOf(config: Config): Pick<RestSettings, 'host' | 'port' | 'advertisedUrl'> {
  const text = (config.listeners ?? 'http://127.0.0.1:8083').trim();
  if (text.includes(',')) throw wrong('listeners', text, 'more than one listener is not supported yet');
  const [, protocol = '', hostText = '', portText = ''] = /^([a-z]+):\/\/(\[[^\]]*\]|[^:/]*):(\d{1,5})\/?$/i.exec(text) ?? [];
  if (protocol.toLowerCase() === 'https') throw wrong('listeners', text, 'https is not supported yet, use http');
  if (protocol.toLowerCase() !== 'http' || Number(portText) > 65535) throw wrong('listeners', text, 'expected http://host:port');
  const host = hostText.replace(/^\[|\]$/g, '');
  const isEverywhere = host === '' || host === '0.0.0.0' || host === '::';
  const advertisedHost = config['rest.advertised.host.name'] ?? (isEverywhere ? '127.0.0.1' : hostText);
  const port = Number(portText);
  return { host: host === '' ? '0.0.0.0' : host, port, advertisedUrl: `http://${advertisedHost}:${config['rest.advertised.port'] ?? port}/` };
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

function wrong(setting: string, value: string, problem: string): OperationalError {
  return new OperationalError('CONFIG_REST', `Invalid value ${value} for configuration ${setting}: ${problem}`);
}
