import { ConfigError, type ConfigOf, type ConfigValue, type ConnectorConfig, type JsonForm } from '@millrace/connect-api';
import type { ItemResultsSettings } from '../attempt/item-results.js';
import type { OAuthSettings } from '../attempt/oauth-token.js';
import { HmacSigner, type Signer, StandardWebhooksSigner } from '../attempt/signature.js';
import type { SchedulerSettings } from '../schedule/message-scheduler.js';
import { BodyTemplate, escapingFor, type HeaderTemplate } from '../template/text-template.js';
import { targetOf, UrlTemplate } from '../template/url-template.js';
import { type AddressSettings, AddressRules, parseNetwork } from '../transport/address-rules.js';
import type { TransportSettings } from '../transport/http-transport.js';
import { isSecretHeader, parseHeaders } from './header-list.js';
import { HTTP_SINK_CONFIG, withPresentNames } from './http-sink-config-def.js';
import { StatusCodes } from './status-codes.js';
import { tlsOptions } from './tls-options.js';

export type ParsedConfig = ConfigOf<typeof HTTP_SINK_CONFIG>;
export type NullBehaviour = 'ignore' | 'log' | 'delete' | 'null' | 'fail';
export type Compression = 'none' | 'gzip' | 'deflate' | 'br';

export interface MessageSettings {
  readonly method: string;
  readonly url: UrlTemplate;
  readonly deleteUrl: UrlTemplate;
  readonly headers: readonly HeaderTemplate[];
  readonly contentType: string;
  readonly body: BodyTemplate | undefined;
  readonly bodyFormat: 'auto' | 'json' | 'string';
  readonly decimals: JsonForm['decimals'];
  readonly onNull: NullBehaviour;
}

export interface BatchBodySettings {
  readonly isBatching: boolean;
  readonly prefix: Uint8Array;
  readonly separator: Uint8Array;
  readonly suffix: Uint8Array;
  readonly itemResults: 'none' | 'status' | 'ignore';
  readonly results: ItemResultsSettings;
}

export type AuthorizationSettings =
  | { readonly kind: 'none' }
  | { readonly kind: 'header'; readonly name: string; readonly value: string }
  | { readonly kind: 'query'; readonly name: string; readonly value: string }
  | { readonly kind: 'oauth2'; readonly oauth: OAuthSettings };

export interface HttpSinkSettings {
  readonly message: MessageSettings;
  readonly batch: BatchBodySettings;
  readonly order: 'key' | 'partition' | 'none';
  readonly schedule: Omit<SchedulerSettings, 'random'>;
  readonly pendingRecordsMax: number;
  readonly pendingBytesMax: number;
  readonly onError: 'fail' | 'log' | 'ignore';
  readonly idHeader: string;
  readonly retryStatuses: StatusCodes;
  readonly retryAfterMaxMs: number;
  readonly redirectsMax: number;
  readonly compression: Compression;
  readonly authorization: AuthorizationSettings;
  readonly signer: Signer | undefined;
  readonly transport: TransportSettings;
  readonly addresses: AddressSettings;
  /** What must never be seen in a message. */
  readonly secrets: readonly string[];
}

/** Throws ConfigError with the first thing wrong. Reads the files that TLS needs. */
export function parseHttpSinkSettings(given: ConnectorConfig): HttpSinkSettings {
  const config = withPresentNames(given);
  const parsed = HTTP_SINK_CONFIG.parse(config);
  const batch = batchSettings(parsed, config);
  const addresses = { denyPrivate: parsed['http.addresses.deny.private'], allowedHosts: parsed['http.allowed.hosts'], allowedAddresses: addressList(parsed['http.allowed.addresses']), isResolvedElsewhere: (parsed['http.proxy.host'] ?? '') !== '' };
  const message = messageSettings(parsed, batch);
  const refusal = message.url.staticHostname === undefined ? undefined : new AddressRules(addresses).refusesHost(message.url.staticHostname);
  if (refusal !== undefined) throw new ConfigError(`Invalid value for configuration http.api.url: ${refusal}`, 'http.api.url');
  const authorization = authorizationSettings(parsed);
  return {
    message,
    batch,
    addresses,
    authorization,
    order: parsed['delivery.order'].toLowerCase() as HttpSinkSettings['order'],
    schedule: scheduleSettings(parsed, batch),
    pendingRecordsMax: parsed['max.pending.records'],
    pendingBytesMax: parsed['max.pending.bytes'],
    onError: parsed['behavior.on.error'].toLowerCase() as HttpSinkSettings['onError'],
    idHeader: parsed['idempotency.header.name'],
    retryStatuses: StatusCodes.parse(parsed['retry.on.status.codes']) ?? neverNull('retry.on.status.codes'),
    retryAfterMaxMs: parsed['retry.after.max.ms'],
    redirectsMax: parsed['http.redirects.max'],
    compression: parsed['http.request.compression'].toLowerCase() as Compression,
    signer: signerOf(parsed),
    transport: transportSettings(parsed),
    secrets: secretsOf(parsed, authorization, message.headers),
  };
}

/** The settings one by one, with what is wrong between them; nothing outside is asked. */
export function validateOffline(given: ConnectorConfig): ConfigValue[] {
  const config = withPresentNames(given);
  const values = HTTP_SINK_CONFIG.validate(config);
  if (values.some((it) => it.errors.length > 0)) return values;
  try {
    parseHttpSinkSettings(given);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    (values.find((it) => it.name === error.key) ?? values[0])?.errors.push(error.message);
  }
  return values;
}

function messageSettings(parsed: ParsedConfig, batch: BatchBodySettings): MessageSettings {
  const parameters = parsed['http.request.parameters'].replace(/^[?&]/, '');
  const urlText = parsed['http.api.url'];
  const url = new UrlTemplate(parameters === '' ? urlText : `${urlText}${urlText.includes('?') ? '&' : '?'}${parameters}`, 'http.api.url');
  const bodyFormat = parsed['request.body.format'].toLowerCase() as MessageSettings['bodyFormat'];
  const isLines = batch.isBatching && batch.prefix.length === 0 && batch.separator.length === 1 && batch.separator[0] === 0x0a;
  const contentType = parsed['http.headers.content.type'] ?? (bodyFormat === 'string' ? 'text/plain; charset=utf-8' : isLines ? 'application/x-ndjson' : 'application/json');
  const template = parsed['request.body.template'];
  return {
    method: parsed['request.method'].toUpperCase(),
    url,
    deleteUrl: url.mentions('key') ? url : url.withPath('${key}'),
    headers: [...parseHeaders(parsed.headers.split(parsed['header.separator'] || '|'), 'headers'), ...parseHeaders(parsed['http.headers.additional'], 'http.headers.additional')],
    contentType,
    body: template === null ? undefined : new BodyTemplate(template, escapingFor(contentType), 'request.body.template'),
    bodyFormat,
    decimals: parsed['json.decimal.format'].toLowerCase() as JsonForm['decimals'],
    onNull: parsed['behavior.on.null.values'].toLowerCase() as NullBehaviour,
  };
}

function batchSettings(parsed: ParsedConfig, config: Readonly<Record<string, string>>): BatchBodySettings {
  // Not the parsed ones: those have lost the spaces and line ends around them.
  const text = (name: string): string | undefined => config[name]?.replace(/\\([nrt\\])/g, (_, it: string) => ({ n: '\n', r: '\r', t: '\t' })[it] ?? '\\');
  const [prefix, separator, suffix] = [text('batch.prefix'), text('batch.separator'), text('batch.suffix')];
  const isCustom = prefix !== undefined || separator !== undefined || suffix !== undefined;
  const given = parsed['batch.format'].toLowerCase();
  const isAiven = parsed['batching.enabled'] === true;
  const format = given !== 'auto' ? given : isCustom ? 'custom' : isAiven ? 'ndjson' : 'json';
  const texts = format === 'json' ? ['[', ',', ']'] : format === 'ndjson' ? ['', '\n', '\n'] : [prefix ?? '', separator ?? (isAiven ? '\n' : ','), suffix ?? ''];
  const [first = '', middle = '', last = ''] = texts;
  const isBatching = parsed['batch.max.size'] > 1;
  const itemResults = parsed['batch.item.results'].toLowerCase() as BatchBodySettings['itemResults'];
  if (itemResults === 'status' && !isBatching) throw new ConfigError('Invalid value status for configuration batch.item.results: it needs a batch.max.size of more than 1', 'batch.item.results');
  return {
    isBatching,
    prefix: Buffer.from(first),
    separator: Buffer.from(middle),
    suffix: Buffer.from(last),
    itemResults,
    results: { arrayPath: fieldPath(parsed['batch.item.results.array.field']), statusPath: fieldPath(parsed['batch.item.results.status.field']) },
  };
}

function scheduleSettings(parsed: ParsedConfig, batch: BatchBodySettings): HttpSinkSettings['schedule'] {
  const concurrentMax = parsed['max.concurrent.requests'];
  const retriesMax = parsed['max.retries'];
  return {
    concurrentMax,
    retriesMax: retriesMax < 0 ? null : retriesMax,
    retriesEndAfterMs: parsed['delivery.timeout.ms'],
    // One of a key in a request whose items may fail one by one: the next must not be accepted before it.
    batch: { itemsMax: parsed['batch.max.size'], bytesMax: parsed['batch.max.bytes'], lingerMs: batch.isBatching ? parsed['batch.linger.ms'] : 0, oneOfLane: batch.itemResults === 'status' },
    backoff: { policy: parsed['retry.backoff.policy'].toUpperCase() === 'CONSTANT_VALUE' ? 'constant' : 'exponential', baseMs: parsed['retry.backoff.ms'], maxMs: parsed['retry.backoff.max.ms'] },
    host: {
      concurrentMax,
      ratePerSecond: parsed['rate.limit.per.second'],
      rateBurst: parsed['rate.limit.burst'],
      breakerFailures: parsed['circuit.breaker.failures'],
      breakerOpenMs: parsed['circuit.breaker.open.ms'],
      breakerOpenMaxMs: parsed['circuit.breaker.open.max.ms'],
    },
  };
}

function authorizationSettings(parsed: ParsedConfig): AuthorizationSettings {
  const need = <Name extends keyof ParsedConfig>(name: Name): NonNullable<ParsedConfig[Name]> => {
    const value = parsed[name];
    if (value === null || value === '') throw new ConfigError(`Missing required configuration "${name}": auth.type=${parsed['auth.type'].toLowerCase()} needs it`, name);
    return value as NonNullable<ParsedConfig[Name]>;
  };
  const header = (value: string): AuthorizationSettings => ({ kind: 'header', name: 'authorization', value });
  switch (parsed['auth.type'].toLowerCase()) {
    case 'basic':
      return header(`Basic ${Buffer.from(`${need('connection.user')}:${parsed['connection.password']?.reveal() ?? ''}`).toString('base64')}`);
    case 'bearer':
      return header(`Bearer ${secretHeader(need('bearer.token').reveal(), 'bearer.token')}`);
    case 'static':
      return header(secretHeader(need('http.headers.authorization').reveal(), 'http.headers.authorization'));
    case 'apikey':
      return { kind: parsed['api.key.location'].toLowerCase() === 'query' ? 'query' : 'header', name: parsed['api.key.name'], value: secretHeader(need('api.key.value').reveal(), 'api.key.value') };
    case 'oauth2':
      return { kind: 'oauth2', oauth: oauthSettings(parsed, need('oauth2.token.url'), need('oauth2.client.id'), need('oauth2.client.secret').reveal()) };
    default:
      return { kind: 'none' };
  }
}

function oauthSettings(parsed: ParsedConfig, url: string, clientId: string, clientSecret: string): OAuthSettings {
  const tokenUrl = targetOf(url);
  if (typeof tokenUrl === 'string') throw new ConfigError(`Invalid value for configuration oauth2.token.url: ${tokenUrl}`, 'oauth2.token.url');
  return {
    tokenUrl,
    clientId,
    clientSecret,
    clientIdProperty: parsed['oauth2.request.client.id.property'],
    clientSecretProperty: parsed['oauth2.request.client.secret.property'],
    grantTypeProperty: parsed['oauth2.grant.type.prop'],
    grantType: parsed['oauth2.grant.type'],
    scope: parsed['oauth2.client.scope'] ?? undefined,
    clientIn: parsed['oauth2.client.auth.mode'].toLowerCase() === 'url' ? 'form' : 'header',
    tokenProperty: parsed['oauth2.token.property'],
    headers: parseHeaders(parsed['oauth2.client.headers'].split(parsed['header.separator'] || '|'), 'oauth2.client.headers').flatMap((it) => [it.name, it.staticText()]),
  };
}

function signerOf(parsed: ParsedConfig): Signer | undefined {
  const type = parsed['signature.type'].toLowerCase();
  if (type === 'none') return undefined;
  const setting = type === 'hmac' ? 'signature.secret' : 'signature.secrets';
  const secret = parsed[setting]?.reveal() ?? '';
  if (secret === '') throw new ConfigError(`Missing required configuration "${setting}": signature.type=${type} needs it`, setting);
  if (type === 'standard-webhooks') return new StandardWebhooksSigner(secret.split(/[\s,]+/).filter((it) => it !== ''));
  return new HmacSigner({
    secret,
    header: parsed['signature.header'],
    algorithm: parsed['signature.algorithm'].toLowerCase(),
    encoding: parsed['signature.encoding'].toLowerCase() as 'hex' | 'base64' | 'base64url',
    prefix: parsed['signature.prefix'],
  });
}

function transportSettings(parsed: ParsedConfig): TransportSettings {
  const requestTimeoutMs = parsed['http.request.timeout.ms'];
  const host = parsed['http.proxy.host'];
  const user = parsed['http.proxy.user'];
  const token = user === null ? undefined : `Basic ${Buffer.from(`${user}:${parsed['http.proxy.password']?.reveal() ?? ''}`).toString('base64')}`;
  return {
    connections: parsed['max.concurrent.requests'],
    connectTimeoutMs: parsed['http.connect.timeout.ms'],
    headersTimeoutMs: parsed['http.headers.timeout.ms'] ?? requestTimeoutMs,
    bodyTimeoutMs: parsed['http.body.timeout.ms'] ?? requestTimeoutMs,
    requestTimeoutMs,
    keepAliveMs: parsed['http.keep.alive.ms'],
    responseBytesMax: parsed['http.response.bytes.max'],
    allowHttp2: parsed['http.version'] === '2',
    tls: tlsOptions(parsed),
    proxy: host === null || host === '' ? undefined : { uri: `http://${host}:${parsed['http.proxy.port']}`, token },
  };
}

function secretsOf(parsed: ParsedConfig, authorization: AuthorizationSettings, headers: readonly HeaderTemplate[]): string[] {
  const secrets = (['connection.password', 'bearer.token', 'http.headers.authorization', 'api.key.value', 'oauth2.client.secret', 'signature.secret', 'signature.secrets', 'http.proxy.password', 'https.ssl.keystore.password', 'https.ssl.key.password'] as const).flatMap(
    (it) => parsed[it]?.reveal().split(/[\s,]+/) ?? [],
  );
  if (authorization.kind === 'header') secrets.push(authorization.value, authorization.value.replace(/^\S+ /, ''));
  for (const it of headers) if (it.isStatic && isSecretHeader(it.name)) secrets.push(it.staticText());
  return secrets;
}

function secretHeader(text: string, setting: string): string {
  if (/[^\t\x20-\x7e]/.test(text)) throw new ConfigError(`Invalid value [hidden] for configuration ${setting}: it holds characters that no header can carry`, setting);
  return text;
}

function addressList(items: readonly string[]): readonly string[] {
  for (const it of items) if (!parseNetwork(it)) throw new ConfigError(`Invalid value ${it} for configuration http.allowed.addresses: it is neither an address nor a network`, 'http.allowed.addresses');
  return items;
}

function fieldPath(text: string): readonly string[] {
  return text === '' ? [] : text.split('.');
}

function neverNull(name: string): never {
  throw new ConfigError(`Invalid value for configuration ${name}`, name);
}
