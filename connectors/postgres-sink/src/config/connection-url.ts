import { ConfigError, PASSWORD_MASK } from '@millrace/connect-api';

export type SslMode = 'disable' | 'allow' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';
const SSL_MODES: readonly string[] = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] satisfies SslMode[];

export interface ConnectionHost {
  readonly host: string;
  readonly port: number;
}

/** Where to connect, as a connection URL says it. */
export interface ConnectionUrl {
  /** Tried in this order. */
  readonly hosts: readonly ConnectionHost[];
  /** Absent: named like the user. */
  readonly database: string | undefined;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly sslMode: SslMode;
  readonly sslRootCert: string | undefined;
  readonly sslCert: string | undefined;
  readonly sslKey: string | undefined;
  /** Whether a server that only reads is passed over. */
  readonly writableOnly: boolean;
  readonly searchPath: string | undefined;
  readonly applicationName: string | undefined;
  /** Undefined: ten seconds. Zero: no limit. */
  readonly connectTimeoutMs: number | undefined;
}

const DEFAULT_PORT = 5432;

/**
 * Reads `jdbc:postgresql://host:port,host:port/database?parameters` in all of the JDBC driver's short forms, and `postgres://` as libpq has it.
 * Parameters that say nothing to this connector are passed over, as the driver does. Throws ConfigError that shows no part after the user.
 */
export function parseConnectionUrl(text: string): ConnectionUrl {
  const jdbc = /^jdbc:postgresql:(.*)$/s.exec(text);
  const plain = /^postgres(?:ql)?:\/\/(.*)$/s.exec(text);
  if (!jdbc && !plain) throw invalid('it must start with jdbc:postgresql: or postgres://');
  const rest = jdbc ? jdbc[1]! : `//${plain![1]!}`;
  const question = rest.indexOf('?');
  const parameters = parseParameters(question === -1 ? '' : rest.slice(question + 1));
  const address = question === -1 ? rest : rest.slice(0, question);
  if (!address.startsWith('//')) return build({ authority: '', path: address.replace(/^\//, ''), parameters });
  const slash = address.indexOf('/', 2);
  const authority = slash === -1 ? address.slice(2) : address.slice(2, slash);
  return build({ authority, path: slash === -1 ? '' : address.slice(slash + 1), parameters });
}

/** The URL without what is secret in it, for people to read. */
export function withoutPassword(url: string): string {
  return url.replace(/([?&]password=)[^&]*/gi, `$1${PASSWORD_MASK}`).replace(/^(postgres(?:ql)?:\/\/[^/@:]*:)[^/]*(?=@)/i, `$1${PASSWORD_MASK}`);
}

function build({ authority, path, parameters }: { authority: string; path: string; parameters: ReadonlyMap<string, string> }): ConnectionUrl {
  const at = authority.lastIndexOf('@');
  const [user, ...password] = at === -1 ? [] : authority.slice(0, at).split(':');
  const hosts = authority
    .slice(at + 1)
    .split(',')
    .map(parseHost);
  const ssl = parameters.get('ssl');
  const sslMode = parameters.get('sslmode') ?? (ssl !== undefined && ssl !== 'false' ? 'require' : 'prefer');
  if (!SSL_MODES.includes(sslMode)) throw invalid(`sslmode must be one of ${SSL_MODES.join(', ')}`);
  const target = parameters.get('targetServerType') ?? parameters.get('target_session_attrs') ?? 'any';
  const seconds = parameters.get('connectTimeout') ?? parameters.get('connect_timeout') ?? parameters.get('loginTimeout');
  if (seconds !== undefined && !/^\d+$/.test(seconds)) throw invalid('the connect timeout must be a number of seconds');
  return {
    hosts,
    database: decode(path) || undefined,
    user: parameters.get('user') ?? (user === undefined ? undefined : decode(user)),
    password: parameters.get('password') ?? (password.length === 0 ? undefined : decode(password.join(':'))),
    sslMode: sslMode as SslMode,
    sslRootCert: parameters.get('sslrootcert'),
    sslCert: parameters.get('sslcert'),
    sslKey: parameters.get('sslkey'),
    writableOnly: ['primary', 'master', 'read-write'].includes(target),
    searchPath: parameters.get('currentSchema'),
    applicationName: parameters.get('ApplicationName') ?? parameters.get('application_name'),
    connectTimeoutMs: seconds === undefined ? undefined : Number(seconds) * 1000,
  };
}

function parseHost(text: string): ConnectionHost {
  const match = /^(\[[0-9a-fA-F:.%]+\]|[^:[\]]*)(?::(\d+))?$/.exec(text.trim());
  const port = match?.[2] === undefined ? DEFAULT_PORT : Number(match[2]);
  if (!match || port < 1 || port > 65535) throw invalid('a host must be name:port with a port of 1 to 65535');
  return { host: decode(match[1]!.replace(/^\[|\]$/g, '')) || 'localhost', port };
}

function parseParameters(text: string): Map<string, string> {
  const parameters = new Map<string, string>();
  for (const part of text.split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    parameters.set(decode(equals === -1 ? part : part.slice(0, equals)), equals === -1 ? '' : decode(part.slice(equals + 1)));
  }
  return parameters;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid('it has a % that is not followed by two hexadecimal digits');
  }
}

function invalid(reason: string): ConfigError {
  return new ConfigError(`Invalid value for configuration connection.url: ${reason}`, 'connection.url');
}
