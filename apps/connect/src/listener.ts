import { OperationalError } from '@millrace/foundation';

/** Where the REST interface listens, and how others reach it. */
export interface RestListener {
  readonly host: string;
  readonly port: number;
  /** `http://host:port/`, for other workers; its host:port is the worker's id. */
  readonly advertisedUrl: string;
}

/** By Connect's settings `listeners`, `rest.advertised.host.name` and `rest.advertised.port`. Unlike Connect's, the default is the loopback address. */
export function restListener(config: Readonly<Record<string, string>>): RestListener {
  const [first = ''] = (config.listeners ?? 'http://127.0.0.1:8083').split(',').map((it) => it.trim());
  const match = /^(https?):\/\/(\[[^\]]*\]|[^:/]*):(\d+)\/?$/i.exec(first);
  if (!match) throw new OperationalError('CONFIG_LISTENERS', `Invalid value ${first} for configuration listeners: expected http://host:port`);
  const [, protocol, hostText = '', portText] = match;
  if (protocol?.toLowerCase() === 'https') throw new OperationalError('CONFIG_LISTENERS', 'Invalid value for configuration listeners: https is not supported yet, use http');
  const host = hostText.replace(/^\[|\]$/g, '');
  const port = Number(portText);
  const advertisedHost = config['rest.advertised.host.name'] ?? (host === '' || host === '0.0.0.0' || host === '::' ? '127.0.0.1' : hostText);
  return { host: host === '' ? '0.0.0.0' : host, port, advertisedUrl: `http://${advertisedHost}:${config['rest.advertised.port'] ?? port}/` };
}
