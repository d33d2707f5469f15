import fs from 'node:fs';
import { createSecureContext, type SecureContextOptions, type SecureVersion } from 'node:tls';
import { OperationalError } from '@millrace/foundation';
import { wrong } from './rest-settings.js';

/** Of the worker: `listeners.https.ssl.…`; where there is none of them, plain `ssl.…`, which its Kafka clients take as well. */
export const REST_TLS_PREFIX = 'listeners.https.';
export const ADMIN_TLS_PREFIX = 'admin.listeners.https.';

export type ClientAuth = 'none' | 'requested' | 'required';

export interface ServerTls {
  readonly context: SecureContextOptions;
  readonly clientAuth: ClientAuth;
}

export interface ClientTls extends SecureContextOptions {
  /** Where names of hosts are not to be checked. */
  readonly checkServerIdentity?: () => undefined;
}

type Config = Readonly<Record<string, string>>;

/**
 * Certificate and key of an https listener. A store is PEM or PKCS12, told by its bytes whatever `ssl.keystore.type` says (as Java's "JKS" reads PKCS12 too). Throws
 * OperationalError with the setting at fault; passwords and keys are in no message.
 */
export function serverTls(config: Config, prefix: string): ServerTls {
  const settings = tlsSettings(config, prefix);
  const identity = identityOf(settings);
  if (!identity) throw failed(settings, 'ssl.keystore.location', 'an https listener needs a certificate: ssl.keystore.location, or ssl.keystore.certificate.chain and ssl.keystore.key');
  const clientAuth = settings.get('ssl.client.auth') ?? 'none';
  if (clientAuth !== 'none' && clientAuth !== 'requested' && clientAuth !== 'required') throw wrong(settings.name('ssl.client.auth'), clientAuth, 'expected none, requested or required');
  const context = { ...identity, ...trustOf(settings), ...algorithmsOf(settings) };
  return { context: checked(settings, context), clientAuth };
}

/** For requests to other workers: who they trust is trusted, and the own certificate is shown. Without a truststore: the chain of the own store, if that is PEM, or the system's authorities. */
export function clientTls(config: Config): ClientTls {
  const settings = tlsSettings(config, REST_TLS_PREFIX);
  const identity = identityOf(settings) ?? {};
  const trust = trustOf(settings);
  const context = { ...identity, ...(trust.ca === undefined && identity.cert !== undefined ? { ca: identity.cert } : trust), ...algorithmsOf(settings) };
  const checksNames = settings.get('ssl.endpoint.identification.algorithm') !== '';
  return { ...checked(settings, context), ...(checksNames ? {} : { checkServerIdentity: () => undefined }) };
}

interface TlsSettings {
  get(name: string): string | undefined;
  /** As it is in the worker's config. */
  name(name: string): string;
}

function tlsSettings(config: Config, prefix: string): TlsSettings {
  const actual = Object.keys(config).some((it) => it.startsWith(prefix)) ? prefix : '';
  return { get: (name) => config[actual + name]?.trim(), name: (name) => actual + name };
}

function identityOf(settings: TlsSettings): SecureContextOptions | undefined {
  const keyPassword = settings.get('ssl.key.password');
  const location = settings.get('ssl.keystore.location');
  if (location) {
    const bytes = readStore(settings, 'ssl.keystore.location', location);
    if (isPem(bytes)) return { cert: bytes, key: bytes, ...(keyPassword === undefined ? {} : { passphrase: keyPassword }) };
    return { pfx: bytes, passphrase: settings.get('ssl.keystore.password') ?? '' };
  }
  const cert = settings.get('ssl.keystore.certificate.chain');
  const key = settings.get('ssl.keystore.key');
  if (!cert && !key) return undefined;
  if (!cert || !key) throw failed(settings, cert ? 'ssl.keystore.key' : 'ssl.keystore.certificate.chain', 'a certificate chain and its key are given together');
  return { cert: pemText(cert), key: pemText(key), ...(keyPassword === undefined ? {} : { passphrase: keyPassword }) };
}

function trustOf(settings: TlsSettings): Pick<SecureContextOptions, 'ca'> {
  const certificates = settings.get('ssl.truststore.certificates');
  if (certificates) return { ca: pemText(certificates) };
  const location = settings.get('ssl.truststore.location');
  if (!location) return {};
  const bytes = readStore(settings, 'ssl.truststore.location', location);
  if (!isPem(bytes)) throw wrong(settings.name('ssl.truststore.location'), location, 'trusted certificates are read as PEM only: export them with keytool -exportcert -rfc, or openssl pkcs12 -nokeys');
  return { ca: bytes };
}

function readStore(settings: TlsSettings, setting: string, location: string): Buffer {
  let bytes: Buffer;
  try {
    bytes = fs.readFileSync(location);
  } catch (error) {
    throw wrong(settings.name(setting), location, `the file cannot be read (${(error as { code?: string }).code ?? 'unknown'})`);
  }
  const magic = bytes.length < 4 ? 0 : bytes.readUInt32BE(0);
  if (magic === 0xfeedfeed || magic === 0xcececece) {
    throw wrong(settings.name(setting), location, 'a Java keystore (JKS) cannot be read: convert it with keytool -importkeystore -deststoretype PKCS12, or give the certificates as PEM');
  }
  return bytes;
}

function isPem(bytes: Buffer): boolean {
  return bytes.includes('-----BEGIN ');
}

/** A properties file has them in one line, with "\n" or with spaces where the breaks were. */
function pemText(text: string): string {
  return text.replace(/\\n/g, '\n').replace(/(-----BEGIN [A-Z ]+-----)([^-]*)(-----END [A-Z ]+-----)/g, (_, begin: string, body: string, end: string) => `${begin}\n${body.includes('Proc-Type') ? body.trim() : body.trim().split(/\s+/).join('\n')}\n${end}`);
}

function algorithmsOf(settings: TlsSettings): SecureContextOptions {
  const protocols = (settings.get('ssl.enabled.protocols') ?? 'TLSv1.2,TLSv1.3').split(',').map((it) => it.trim());
  const known = ['TLSv1.2', 'TLSv1.3'] as const satisfies readonly SecureVersion[];
  const enabled = known.filter((it) => protocols.includes(it));
  const [oldest] = enabled;
  const newest = enabled.at(-1);
  if (!oldest || !newest) throw wrong(settings.name('ssl.enabled.protocols'), protocols.join(','), 'expected TLSv1.2, TLSv1.3 or both');
  const suites = settings.get('ssl.cipher.suites');
  return { minVersion: oldest, maxVersion: newest, ...(suites ? { ciphers: suites.split(',').map((it) => cipherName(it.trim())).join(':') } : {}) };
}

/** OpenSSL's name of a cipher suite by Java's; those of TLS 1.3 have one name. */
function cipherName(name: string): string {
  const [, exchange, cipher] = /^TLS_(.+)_WITH_(.+)$/.exec(name) ?? [];
  if (exchange === undefined || cipher === undefined) return name;
  const short = cipher.replace(/AES_(\d+)_CBC/, 'AES$1').replace(/AES_(\d+)/, 'AES$1').replace(/^(CHACHA20_POLY1305)_SHA256$/, '$1').replaceAll('_', '-');
  return exchange === 'RSA' ? short : `${exchange.replaceAll('_', '-')}-${short}`;
}

function checked<T extends SecureContextOptions>(settings: TlsSettings, context: T): T {
  try {
    createSecureContext(context);
    return context;
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === 'ERR_SSL_NO_CIPHER_MATCH') throw failed(settings, 'ssl.cipher.suites', 'none of the cipher suites is known');
    const setting = settings.get('ssl.keystore.location') ? 'ssl.keystore.location' : 'ssl.keystore.certificate.chain';
    throw failed(settings, setting, `the certificate or its key cannot be used: wrong password, damaged or not a pair (${code ?? (error as Error).message})`);
  }
}

function failed(settings: TlsSettings, setting: string, problem: string): OperationalError {
  return new OperationalError('CONFIG_REST', `Invalid value for configuration ${settings.name(setting)}: ${problem}`);
}
