import { parseHttpSinkSettings, validateOffline } from './http-sink-settings.js';

const URL_ = { 'http.api.url': 'https://api.example/in' };
const errors = (config: Record<string, string>): Record<string, string[]> => Object.fromEntries(validateOffline(config).filter((it) => it.errors.length > 0).map((it) => [it.name, it.errors]));
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

test('a config of Confluent\'s sink is taken as it is', () => {
  const config = {
    'connector.class': 'io.confluent.connect.http.HttpSinkConnector', topics: 'a', 'http.api.url': 'http://host/${topic}/${key}', 'request.method': 'put', headers: 'A:1|B:2', 'batch.max.size': '10', 'batch.prefix': '{', 'batch.suffix': '}', 'batch.separator': ',',
    'batch.json.as.array': 'false', 'batch.key.pattern': '${key}', 'request.body.format': 'json', 'auth.type': 'OAUTH2', 'oauth2.token.url': 'https://auth/token', 'oauth2.client.id': 'me', 'oauth2.client.secret': 'x', 'oauth2.client.auth.mode': 'url', 'max.retries': '5', 'retry.backoff.ms': '300',
    'retry.backoff.policy': 'constant_value', 'retry.on.status.codes': '400-', 'http.connect.timeout.ms': '5', 'http.request.timeout.ms': '6', 'behavior.on.null.values': 'DELETE', 'behavior.on.error': 'log', 'reporter.bootstrap.servers': 'x:1', 'reporter.result.topic.name': 'r',
  };
  expect(errors(config)).toEqual({});
  const settings = parseHttpSinkSettings(config);
  expect(settings).toMatchObject({ message: { method: 'PUT', onNull: 'delete' }, onError: 'log', authorization: { kind: 'oauth2', oauth: { clientIn: 'form' } }, schedule: { retriesMax: 5, backoff: { policy: 'constant', baseMs: 300 }, batch: { itemsMax: 10 } }, transport: { connectTimeoutMs: 5, requestTimeoutMs: 6 } });
  expect([text(settings.batch.prefix), text(settings.batch.separator), text(settings.batch.suffix)]).toEqual(['{', ',', '}']);
});

test('and one of Aiven\'s', () => {
  const config = {
    'connector.class': 'io.aiven.kafka.connect.http.HttpSinkConnector', 'http.url': 'http://host/in', 'http.authorization.type': 'static', 'http.headers.authorization': 'Bearer x', 'http.headers.content.type': 'application/x-www-form-urlencoded', 'http.headers.additional': 'a:b,c:d',
    'batching.enabled': 'true', 'max.retries': '2', 'http.timeout': '7', 'http.ssl.trust.all.certs': 'true',
  };
  expect(errors(config)).toEqual({});
  const settings = parseHttpSinkSettings(config);
  expect(settings).toMatchObject({ authorization: { kind: 'header', value: 'Bearer x' }, schedule: { batch: { itemsMax: 500 } }, transport: { requestTimeoutMs: 7000, tls: { rejectUnauthorized: false } }, message: { contentType: 'application/x-www-form-urlencoded' } });
  expect(text(settings.batch.separator)).toBe('\n');
  expect(parseHttpSinkSettings({ ...config, 'batching.enabled': 'false', 'batch.max.size': '100' }).batch.isBatching).toBe(false);
});

test('separators keep their line ends', () => {
  expect(text(parseHttpSinkSettings({ ...URL_, 'batch.max.size': '2', 'batch.separator': '\n' }).batch.separator)).toBe('\n');
  expect(text(parseHttpSinkSettings({ ...URL_, 'batch.max.size': '2', 'batch.separator': '\\n ' }).batch.separator)).toBe('\n ');
  expect(parseHttpSinkSettings({ ...URL_, 'batch.max.size': '2', 'batch.format': 'ndjson' }).message.contentType).toBe('application/x-ndjson');
});

test('what is wrong is told at its key', () => {
  const wrong: readonly (readonly [Record<string, string>, string])[] = [
    [{}, 'http.api.url'], [{ 'http.api.url': 'x' }, 'http.api.url'], [{ 'http.api.url': 'http://169.254.169.254/latest' }, 'http.api.url'], [{ 'http.api.url': 'http://[::ffff:169.254.169.254]/${key}' }, 'http.api.url'], [{ ...URL_, 'http.allowed.hosts': 'other.example' }, 'http.api.url'],
    [{ 'http.api.url': 'http://10.0.0.1/', 'http.addresses.deny.private': 'true' }, 'http.api.url'], [{ ...URL_, 'auth.type': 'basic' }, 'connection.user'], [{ ...URL_, 'auth.type': 'oauth2' }, 'oauth2.token.url'], [{ ...URL_, 'signature.type': 'hmac' }, 'signature.secret'],
    [{ ...URL_, 'signature.type': 'standard-webhooks', 'signature.secrets': 'whsec_x' }, 'signature.secrets'], [{ ...URL_, 'retry.on.status.codes': 'all' }, 'retry.on.status.codes'], [{ ...URL_, 'request.body.template': '${nope}' }, 'request.body.template'], [{ ...URL_, headers: 'nocolon' }, 'headers'],
    [{ ...URL_, 'batch.item.results': 'status' }, 'batch.item.results'], [{ ...URL_, 'http.allowed.addresses': 'example.com' }, 'http.allowed.addresses'], [{ ...URL_, 'https.ssl.keystore.location': '/nonexistent' }, 'https.ssl.keystore.location'], [{ ...URL_, 'https.ssl.truststore.certificates': 'no PEM', 'https.ssl.keystore.key': 'no PEM' }, 'https.ssl.keystore.location'],
    [{ ...URL_, 'regex.patterns': 'x' }, 'regex.patterns'], [{ ...URL_, 'https.ssl.keystore.type': 'JKS' }, 'https.ssl.keystore.type'], [{ ...URL_, 'rate.limit.per.second': '0' }, 'rate.limit.per.second'],
  ];
  for (const [config, key] of wrong) expect([config, Object.keys(errors(config))]).toEqual([config, [key]]);
});

test('a secret is in no answer', () => {
  const secrets = { 'connection.password': 's3cret', 'bearer.token': 's3cret', 'http.headers.authorization': 's3cret', 'api.key.value': 's3cret', 'oauth2.client.secret': 's3cret', 'signature.secret': 's3cret', 'signature.secrets': 's3cret', 'http.proxy.password': 's3cret', 'https.ssl.keystore.password': 's3cret', 'https.ssl.keystore.key': 's3cret', 'https.ssl.key.password': 's3cret' };
  const extras: readonly Record<string, string>[] = [{}, { 'signature.type': 'standard-webhooks' }, { 'auth.type': 'apikey', 'api.key.value': 's3cret\u0001' }];
  for (const more of extras) expect(JSON.stringify(validateOffline({ ...URL_, ...secrets, ...more }))).not.toContain('s3cret');
});
