import { ConfigDef } from '@millrace/connect-api';
import { StatusCodes } from './status-codes.js';

const request = { group: 'Request', importance: 'high', width: 'long' } as const;
const batching = { group: 'Batching', importance: 'medium', width: 'medium' } as const;
const delivery = { group: 'Delivery', importance: 'medium', width: 'medium' } as const;
const retries = { group: 'Retries', importance: 'medium', width: 'medium' } as const;
const authorization = { group: 'Authorization', importance: 'medium', width: 'medium' } as const;
const signature = { group: 'Signature', importance: 'medium', width: 'medium' } as const;
const connection = { group: 'Connection', importance: 'low', width: 'medium' } as const;
const guard = { group: 'Addresses', importance: 'medium', width: 'long' } as const;
const tls = { group: 'TLS', importance: 'low', width: 'medium' } as const;
const alias = { group: 'Other names', importance: 'low', width: 'medium', default: null } as const;

const isToken = (value: string): string | undefined => (value === '' || /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(value) ? undefined : 'It is not the name of a header');
const PLACEHOLDERS = '${key}, ${value.field}, ${header.name}, ${topic}, ${partition}, ${offset}, ${timestamp}, ${id}';

/** The names of Confluent's HTTP sink, names of our own for what it lacks, and Aiven's names for the same things. */
export const HTTP_SINK_CONFIG = new ConfigDef({
  'http.api.url': { ...request, kind: 'string', displayName: 'URL', doc: `Where requests go. May hold ${PLACEHOLDERS}; values are percent-encoded. A placeholder at the very beginning stands for a whole URL.` },
  'request.method': { ...request, kind: 'string', default: 'POST', oneOf: ['POST', 'PUT', 'PATCH', 'DELETE'], ignoreCase: true, doc: 'The method of requests.' },
  'http.request.parameters': { ...request, importance: 'medium', kind: 'string', default: '', doc: 'Query parameters to add to the URL: name=value&name=value. Values may hold placeholders.' },
  'headers': { ...request, importance: 'medium', kind: 'string', default: '', doc: 'Headers of each request, as name:value, separated by header.separator. Values may hold placeholders.' },
  'header.separator': { ...request, importance: 'low', kind: 'string', default: '|', doc: 'What separates the headers of `headers`.' },
  'http.headers.additional': { ...request, importance: 'medium', kind: 'list', default: '', doc: 'More headers, as a list of name:value. Values may hold placeholders.' },
  'http.headers.content.type': { ...request, importance: 'medium', kind: 'string', default: null, doc: 'Content type of the body. Left out: application/json, application/x-ndjson for batches of lines, text/plain with request.body.format=string.' },
  'request.body.template': { ...request, importance: 'medium', kind: 'string', default: null, doc: `The body made of each record, with ${PLACEHOLDERS}. Values are escaped for the content type: in JSON outside of quotes as values, inside as parts of a string. Left out: the record's value.` },
  'request.body.format': { ...request, importance: 'medium', kind: 'string', default: 'auto', oneOf: ['auto', 'json', 'string'], ignoreCase: true, doc: 'auto: text and bytes as they are, other values as JSON. json: all values as JSON. string: text of scalars, JSON of the rest.' },
  'json.decimal.format': { ...request, importance: 'low', kind: 'string', default: 'NUMERIC', oneOf: ['NUMERIC', 'BASE64'], ignoreCase: true, doc: 'How JSON holds decimals.' },
  'behavior.on.null.values': {
    ...request, importance: 'medium', kind: 'string', default: 'ignore', oneOf: ['ignore', 'log', 'delete', 'null', 'fail'], ignoreCase: true,
    doc: 'Records without a value: ignore or log them, send DELETE (to the URL with /${key} behind it, unless the URL holds the key), send null, or treat them as errors.',
  },

  'batch.max.size': { ...batching, kind: 'int', default: '1', min: 1, max: 100_000, doc: 'Records of a message at most. Records share a message only if method, URL and headers are the same.' },
  'batch.max.bytes': { ...batching, kind: 'int', default: '1048576', min: 1, doc: 'Bytes of the bodies in a message at most; one record may be larger.' },
  'batch.linger.ms': { ...batching, kind: 'long', default: '0', min: 0, doc: 'How long a record waits for others to share its message.' },
  'batch.format': { ...batching, kind: 'string', default: 'auto', oneOf: ['auto', 'json', 'ndjson', 'custom'], ignoreCase: true, doc: 'json: an array. ndjson: a line each. custom: batch.prefix, batch.separator and batch.suffix. auto: custom if one of those is given, ndjson with batching.enabled, else json.' },
  'batch.prefix': { ...batching, kind: 'string', default: null, doc: 'Text before the bodies of a batch. \\n and \\t stand for themselves.' },
  'batch.separator': { ...batching, kind: 'string', default: null, doc: 'Text between the bodies of a batch.' },
  'batch.suffix': { ...batching, kind: 'string', default: null, doc: 'Text behind the bodies of a batch.' },
  'batch.item.results': { ...batching, kind: 'string', default: 'none', oneOf: ['none', 'status', 'ignore'], ignoreCase: true, doc: 'status: a successful answer to a batch is an array with a status for each record. none: 207 is an error, other successes are for the whole batch. ignore: 207 also.' },
  'batch.item.results.array.field': { ...batching, importance: 'low', kind: 'string', default: '', doc: 'Path (a.b) of that array in the answer. Empty: the answer is the array.' },
  'batch.item.results.status.field': { ...batching, importance: 'low', kind: 'string', default: 'status', doc: 'Path of the status in an element.' },

  'delivery.order': { ...delivery, kind: 'string', default: 'key', oneOf: ['key', 'partition', 'none'], ignoreCase: true, doc: 'key: records of a key one after the other, keys in parallel (records without a key like those of one key of their partition). partition: those of a partition one after the other. none: all in parallel.' },
  'max.concurrent.requests': { ...delivery, kind: 'int', default: '10', min: 1, max: 10_000, doc: 'Requests of a task in flight at most.' },
  'max.pending.records': { ...delivery, importance: 'low', kind: 'int', default: '5000', min: 1, doc: 'With so many undelivered records a task takes no more for now.' },
  'max.pending.bytes': { ...delivery, importance: 'low', kind: 'long', default: '33554432', min: 1, doc: 'The same in bytes of bodies.' },
  'rate.limit.per.second': { ...delivery, kind: 'double', default: null, check: (value: number) => (value > 0 ? undefined : 'It must be more than 0'), doc: 'Requests a second to one host, by one task.' },
  'rate.limit.burst': { ...delivery, importance: 'low', kind: 'int', default: '1', min: 1, doc: 'Requests that may follow each other at once after a quiet time.' },
  'circuit.breaker.failures': { ...delivery, importance: 'low', kind: 'int', default: '10', min: 0, doc: 'After so many failures in a row (no answer, or 5xx) a host is left alone for a while; then one request tries. 0: never.' },
  'circuit.breaker.open.ms': { ...delivery, importance: 'low', kind: 'long', default: '1000', min: 1, doc: 'How long it is left alone; twice as long each time.' },
  'circuit.breaker.open.max.ms': { ...delivery, importance: 'low', kind: 'long', default: '60000', min: 1, doc: 'The longest of those times.' },
  'idempotency.header.name': { ...delivery, kind: 'string', default: 'Idempotency-Key', check: isToken, doc: 'Header with the id of the message: the same in every attempt and after every restart. Empty: none.' },
  'behavior.on.error': { ...delivery, kind: 'string', default: 'fail', oneOf: ['fail', 'log', 'ignore'], ignoreCase: true, doc: 'A record that could not be delivered: fail leaves it to errors.tolerance and the dead letters, log and ignore pass over it.' },

  'max.retries': { ...retries, kind: 'int', default: '10', min: -1, doc: 'Attempts after the first. -1: as many as it takes.' },
  'retry.backoff.ms': { ...retries, kind: 'long', default: '3000', min: 0, doc: 'Longest wait before the second attempt; twice as long each time. The wait is a random part of it.' },
  'retry.backoff.max.ms': { ...retries, kind: 'long', default: '60000', min: 0, doc: 'The longest of those times.' },
  'retry.backoff.policy': { ...retries, importance: 'low', kind: 'string', default: 'EXPONENTIAL_WITH_JITTER', oneOf: ['EXPONENTIAL_WITH_JITTER', 'CONSTANT_VALUE'], ignoreCase: true, doc: 'CONSTANT_VALUE: always retry.backoff.ms.' },
  'retry.on.status.codes': { ...retries, kind: 'list', default: '408,425,429,500-', check: (value: readonly string[]) => (StatusCodes.parse(value) ? undefined : 'It is not a list of codes and ranges like 429,500-599,400-'), doc: 'Status codes that are tried again. No answer at all always is.' },
  'retry.after.max.ms': { ...retries, kind: 'long', default: '300000', min: 0, doc: 'Retry-After is honoured up to so long.' },
  'delivery.timeout.ms': { ...retries, kind: 'long', default: null, min: 1, doc: 'No attempt is planned later than so long after the first. Left out: no end.' },

  'http.connect.timeout.ms': { ...connection, kind: 'int', default: '10000', min: 1, doc: 'To open a connection.' },
  'http.request.timeout.ms': { ...connection, kind: 'int', default: '30000', min: 1, doc: 'For a request and its whole answer.' },
  'http.headers.timeout.ms': { ...connection, kind: 'int', default: null, min: 1, doc: 'Until the headers of the answer are there. Left out: http.request.timeout.ms.' },
  'http.body.timeout.ms': { ...connection, kind: 'int', default: null, min: 1, doc: 'Between two pieces of the answer. Left out: http.request.timeout.ms.' },
  'http.keep.alive.ms': { ...connection, kind: 'int', default: '4000', min: 1, doc: 'How long a connection is kept without work.' },
  'http.response.bytes.max': { ...connection, kind: 'int', default: '1048576', min: 0, doc: 'Bytes of an answer that are read.' },
  'http.redirects.max': { ...connection, kind: 'int', default: '0', min: 0, max: 20, doc: 'Redirects (307 and 308 only) that are followed; each is checked like any address.' },
  'http.version': { ...connection, kind: 'string', default: '1.1', oneOf: ['1.1', '2'], doc: '2: HTTP/2 where the server agrees to it over TLS.' },
  'http.request.compression': { ...connection, kind: 'string', default: 'none', oneOf: ['none', 'gzip', 'deflate', 'br'], ignoreCase: true, doc: 'Compression of bodies. A signature is of the body before it.' },
  'http.proxy.host': { ...connection, kind: 'string', default: null, doc: 'Host of an HTTP proxy. It resolves the names: only addresses in URLs can be checked then.' },
  'http.proxy.port': { ...connection, kind: 'int', default: '8080', min: 1, max: 65_535, doc: 'Port of the proxy.' },
  'http.proxy.user': { ...connection, kind: 'string', default: null, doc: 'User at the proxy.' },
  'http.proxy.password': { ...connection, kind: 'password', default: null, doc: 'Password at the proxy.' },

  'http.addresses.deny.private': { ...guard, kind: 'boolean', default: 'false', doc: 'Whether private and loopback addresses are refused. Addresses of the link and metadata services of clouds always are.' },
  'http.allowed.hosts': { ...guard, kind: 'list', default: '', doc: 'Hosts that may be reached: names, *.domain, addresses or networks. Empty: all.' },
  'http.allowed.addresses': { ...guard, kind: 'list', default: '', doc: 'Addresses or networks that are reached although they would be refused.' },

  'auth.type': { ...authorization, kind: 'string', default: 'none', oneOf: ['none', 'basic', 'bearer', 'oauth2', 'apikey', 'static'], ignoreCase: true, doc: 'How requests are authorized. static: by http.headers.authorization.' },
  'connection.user': { ...authorization, kind: 'string', default: null, doc: 'User of auth.type=basic.' },
  'connection.password': { ...authorization, kind: 'password', default: null, doc: 'Password of auth.type=basic.' },
  'bearer.token': { ...authorization, kind: 'password', default: null, doc: 'Token of auth.type=bearer.' },
  'http.headers.authorization': { ...authorization, kind: 'password', default: null, doc: 'The Authorization header of auth.type=static.' },
  'api.key.name': { ...authorization, kind: 'string', default: 'X-Api-Key', check: isToken, doc: 'Header or query parameter of auth.type=apikey.' },
  'api.key.value': { ...authorization, kind: 'password', default: null, doc: 'Key of auth.type=apikey.' },
  'api.key.location': { ...authorization, kind: 'string', default: 'header', oneOf: ['header', 'query'], ignoreCase: true, doc: 'Where the key stands.' },
  'oauth2.token.url': { ...authorization, kind: 'string', default: null, doc: 'Where tokens are asked for (client credentials).' },
  'oauth2.client.id': { ...authorization, kind: 'string', default: null, doc: 'The client.' },
  'oauth2.client.secret': { ...authorization, kind: 'password', default: null, doc: 'Its secret.' },
  'oauth2.client.scope': { ...authorization, kind: 'string', default: null, doc: 'Scopes to ask for.' },
  'oauth2.client.auth.mode': { ...authorization, kind: 'string', default: 'header', oneOf: ['header', 'url'], ignoreCase: true, doc: 'Client and secret in an Authorization header, or in the form (url).' },
  'oauth2.client.headers': { ...authorization, kind: 'string', default: '', doc: 'Headers of the request for a token, as in `headers`.' },
  'oauth2.token.property': { ...authorization, kind: 'string', default: 'access_token', doc: 'Field of the answer that holds the token.' },
  'oauth2.grant.type.prop': { ...authorization, kind: 'string', default: 'grant_type', doc: 'Form field of the grant type.' },
  'oauth2.grant.type': { ...authorization, kind: 'string', default: 'client_credentials', doc: 'The grant type.' },
  'oauth2.request.client.id.property': { ...authorization, kind: 'string', default: 'client_id', doc: 'Form field of the client.' },
  'oauth2.request.client.secret.property': { ...authorization, kind: 'string', default: 'client_secret', doc: 'Form field of its secret.' },

  'signature.type': { ...signature, kind: 'string', default: 'none', oneOf: ['none', 'hmac', 'standard-webhooks'], ignoreCase: true, doc: 'hmac: of the body, in a header. standard-webhooks: webhook-id, webhook-timestamp, webhook-signature.' },
  'signature.secret': { ...signature, kind: 'password', default: null, doc: 'Secret of signature.type=hmac.' },
  'signature.secrets': { ...signature, kind: 'password', default: null, doc: 'Secrets of signature.type=standard-webhooks, separated by commas or spaces: whsec_ (v1) or whsk_ (v1a). Each makes a signature, so that a new one can be handed out beside the old one.' },
  'signature.header': { ...signature, kind: 'string', default: 'X-Signature', check: isToken, doc: 'Header of signature.type=hmac.' },
  'signature.algorithm': { ...signature, kind: 'string', default: 'sha256', oneOf: ['sha1', 'sha256', 'sha384', 'sha512'], ignoreCase: true, doc: 'Hash of signature.type=hmac.' },
  'signature.encoding': { ...signature, kind: 'string', default: 'hex', oneOf: ['hex', 'base64', 'base64url'], ignoreCase: true, doc: 'Encoding of signature.type=hmac.' },
  'signature.prefix': { ...signature, kind: 'string', default: '', doc: 'Text before the signature: sha256=' },

  'https.ssl.keystore.type': { ...tls, kind: 'string', default: 'PEM', oneOf: ['PEM', 'PKCS12'], ignoreCase: true, doc: 'Kind of the file with the client\'s certificate and key. JKS is not supported: convert it to PKCS12.' },
  'https.ssl.keystore.location': { ...tls, kind: 'string', default: null, doc: 'That file.' },
  'https.ssl.keystore.password': { ...tls, kind: 'password', default: null, doc: 'Its password.' },
  'https.ssl.keystore.certificate.chain': { ...tls, kind: 'string', default: null, doc: 'The client\'s certificate chain itself, in PEM.' },
  'https.ssl.keystore.key': { ...tls, kind: 'password', default: null, doc: 'The client\'s private key itself, in PEM.' },
  'https.ssl.key.password': { ...tls, kind: 'password', default: null, doc: 'Password of the private key.' },
  'https.ssl.truststore.type': { ...tls, kind: 'string', default: 'PEM', oneOf: ['PEM'], ignoreCase: true, doc: 'Kind of the file with the certificates of authorities.' },
  'https.ssl.truststore.location': { ...tls, kind: 'string', default: null, doc: 'That file. Left out: the authorities that Node.js knows.' },
  'https.ssl.truststore.certificates': { ...tls, kind: 'string', default: null, doc: 'Those certificates themselves, in PEM.' },
  'https.ssl.endpoint.identification.algorithm': { ...tls, kind: 'string', default: 'https', oneOf: ['https', ''], doc: 'Empty: the name in the server\'s certificate is not compared.' },
  'http.ssl.trust.all.certs': { ...tls, kind: 'boolean', default: 'false', doc: 'Whether any certificate will do. For tests.' },

  'http.url': { ...alias, kind: 'string', doc: 'Aiven\'s name of http.api.url.' },
  'http.authorization.type': { ...alias, kind: 'string', doc: 'Aiven\'s name of auth.type.' },
  'http.timeout': { ...alias, kind: 'int', doc: 'Aiven\'s name of http.request.timeout.ms, in seconds.' },
  'batching.enabled': { ...alias, kind: 'boolean', doc: 'Aiven\'s: with true batch.max.size is 500 by default, with false it is 1.' },
  'batch.json.as.array': { ...alias, kind: 'boolean', doc: 'Confluent\'s way to say batch.format=json.' },
  'batch.key.pattern': { ...alias, kind: 'string', doc: 'Known for compatibility: records share a message when method, URL and headers are the same.' },
  'oauth2.access.token.url': { ...alias, kind: 'string', doc: 'Aiven\'s name of oauth2.token.url.' },
  'oauth2.client.authorization.mode': { ...alias, kind: 'string', doc: 'Aiven\'s name of oauth2.client.auth.mode.' },
  'oauth2.response.token.property': { ...alias, kind: 'string', doc: 'Aiven\'s name of oauth2.token.property.' },
  'regex.patterns': { ...alias, kind: 'string', onlyDefault: true, doc: 'Confluent\'s: replacing in bodies. Use request.body.template or a transformation.' },
  'regex.replacements': { ...alias, kind: 'string', onlyDefault: true, doc: 'See regex.patterns.' },
  'reporter.bootstrap.servers': { ...alias, kind: 'string', doc: 'Known for compatibility: answers are not written to topics, errors go to the dead letters.' },
  'reporter.result.topic.name': { ...alias, kind: 'string', doc: 'See reporter.bootstrap.servers.' },
  'reporter.error.topic.name': { ...alias, kind: 'string', doc: 'See reporter.bootstrap.servers.' },
});

type Rename = readonly [from: string, to: string, translate?: (value: string) => string | undefined];
const RENAMES: readonly Rename[] = [
  ['http.url', 'http.api.url'],
  ['http.authorization.type', 'auth.type'],
  ['http.timeout', 'http.request.timeout.ms', (value) => (/^\d+$/.test(value.trim()) ? String(Number(value) * 1000) : value)],
  ['batch.json.as.array', 'batch.format', (value) => (value.trim().toLowerCase() === 'true' ? 'json' : undefined)],
  ['oauth2.access.token.url', 'oauth2.token.url'],
  ['oauth2.client.authorization.mode', 'oauth2.client.auth.mode'],
  ['oauth2.response.token.property', 'oauth2.token.property'],
];

/** The config with each setting under its present name; one given under both keeps its present one. */
export function withPresentNames(config: Readonly<Record<string, string>>): Record<string, string> {
  const result: Record<string, string> = { ...config };
  for (const [from, to, translate] of RENAMES) {
    const given = config[from];
    if (given === undefined || result[to] !== undefined) continue;
    const value = translate ? translate(given) : given;
    if (value !== undefined) result[to] = value;
  }
  const isBatching = config['batching.enabled']?.trim().toLowerCase();
  if (isBatching === 'false') result['batch.max.size'] = '1';
  if (isBatching === 'true') result['batch.max.size'] ??= '500';
  return result;
}
