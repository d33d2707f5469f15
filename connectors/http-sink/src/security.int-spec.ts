import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import path from 'node:path';
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import { Agent, request } from 'undici';
import { Webhook } from 'standardwebhooks';
import { Endpoint, type Got } from '../test/endpoint.js';
import { sinkRecord } from '@millrace/connect-testkit';
import { map, TaskDriver } from '../test/task-driver.js';
import { AddressRules } from './transport/address-rules.js';
import { guardedConnector } from './transport/guarded-connector.js';

let endpoint: Endpoint;
const drivers: TaskDriver[] = [];
const endpoints: Endpoint[] = [];
const TLS = path.resolve(__dirname, '../test/tls');
const pem = (name: string): string => readFileSync(path.join(TLS, name), 'utf8');

beforeEach(async () => {
  endpoint = await another();
});
afterEach(async () => {
  await Promise.all(drivers.splice(0).map((it) => it.stop()));
  await Promise.all(endpoints.splice(0).map((it) => it.kill()));
});

async function another(...args: Parameters<typeof Endpoint.start>): Promise<Endpoint> {
  const it = await Endpoint.start(...args);
  endpoints.push(it);
  return it;
}

function driver(config: Readonly<Record<string, string>>, tolerance: 'all' | 'none' = 'all'): TaskDriver {
  const it = new TaskDriver({ 'http.api.url': `${endpoint.url}/in`, 'retry.backoff.ms': '1', 'max.retries': '2', ...config }, { tolerance });
  drivers.push(it);
  return it;
}

const record = (offset = 0, n = offset) => sinkRecord({ offset, key: String(offset), value: map({ n: BigInt(n) }) });

async function sent(config: Readonly<Record<string, string>>): Promise<Got> {
  const sink = driver(config);
  await sink.put(record());
  await sink.delivered(1);
  expect(sink.errant.map((it) => it.error)).toEqual([]);
  return endpoint.got[endpoint.got.length - 1]!;
}

describe('authorization', () => {
  test('basic, bearer, a header of one\'s own, an API key in a header or the query', async () => {
    expect((await sent({ 'auth.type': 'BASIC', 'connection.user': 'me', 'connection.password': 'pass:word' })).headers.authorization).toBe(`Basic ${Buffer.from('me:pass:word').toString('base64')}`);
    expect((await sent({ 'auth.type': 'bearer', 'bearer.token': 'tok' })).headers.authorization).toBe('Bearer tok');
    expect((await sent({ 'http.authorization.type': 'static', 'http.headers.authorization': 'Custom x' })).headers.authorization).toBe('Custom x');
    expect((await sent({ 'auth.type': 'apikey', 'api.key.value': 'k y' })).headers['x-api-key']).toBe('k y');
    expect((await sent({ 'auth.type': 'apikey', 'api.key.name': 'key', 'api.key.value': 'k y', 'api.key.location': 'query' })).url).toBe('/in?key=k%20y');
  });

  test('OAuth2: one token for many requests at once, another on 401, before its end, and none after a refusal', async () => {
    let tokens = 0;
    let lifeSeconds = 3600;
    const authority = await another((got) => {
      expect(got.headers.authorization).toBe(`Basic ${Buffer.from('client:s3cret%20x').toString('base64')}`);
      expect(got.body).toBe('grant_type=client_credentials&scope=a+b');
      tokens += 1;
      return { status: 200, body: JSON.stringify({ access_token: `token-${tokens}`, expires_in: lifeSeconds }) };
    });
    const config = { 'auth.type': 'oauth2', 'oauth2.token.url': `${authority.url}/token`, 'oauth2.client.id': 'client', 'oauth2.client.secret': 's3cret x', 'oauth2.client.scope': 'a b' };
    const sink = driver(config);
    await sink.put(...Array.from({ length: 8 }, (_, i) => record(i)));
    await sink.delivered(8);
    expect([tokens, new Set(endpoint.got.map((it) => it.headers.authorization))]).toEqual([1, new Set(['Bearer token-1'])]);

    endpoint.behaviour = (got) => ({ status: got.headers.authorization === 'Bearer token-1' ? 401 : 200 });
    await sink.put(...Array.from({ length: 8 }, (_, i) => record(8 + i)));
    await sink.delivered(16);
    expect([tokens, sink.errant]).toEqual([2, []]);

    lifeSeconds = 1e-9;
    const short = driver(config);
    await short.put(record(0));
    await short.delivered(1);
    await short.put(record(1));
    await short.delivered(2);
    expect(tokens).toBe(4);

    endpoint.behaviour = () => ({ status: 401 });
    const refused = driver(config);
    await refused.put(record(0));
    await refused.delivered(1);
    expect(tokens).toBe(6);
    expect(refused.errant[0]?.error.message).toContain('was answered with 401');
  });

  test('a token that was renewed meanwhile is still in no message; nor is one that begins another', async () => {
    const names = ['token-first', 'token-first-next'];
    const authority = await another(() => ({ status: 200, body: JSON.stringify({ access_token: names.shift() ?? 'token-last', expires_in: 1e-9 }) }));
    let answerFirst: (answer: { status: number; body: string }) => void = () => undefined;
    endpoint.behaviour = (got) => {
      const answer = { status: 400, body: String(got.headers.authorization) };
      return got.body === '{"n":0}' ? new Promise((resolve) => (answerFirst = () => resolve(answer))) : answer;
    };
    const sink = driver({ 'auth.type': 'oauth2', 'oauth2.token.url': authority.url, 'oauth2.client.id': 'client', 'oauth2.client.secret': 's3cret-of-client' });
    await sink.put(record(0));
    await endpoint.until(() => endpoint.got.length === 1);
    await sink.put(record(1));
    await sink.until(() => sink.errant.length === 1);
    answerFirst({ status: 400, body: '' });
    await sink.until(() => sink.errant.length === 2);
    expect(sink.texts).toContain('Bearer [hidden]');
    expect(sink.texts).not.toMatch(/token-first|-next/);
  });

  test('a client that the authority does not know ends the task; its dead letters stay empty', async () => {
    const authority = await another(() => ({ status: 401, body: '{"error":"invalid_client","you_sent":"s3cret-of-client"}' }));
    const sink = driver({ 'auth.type': 'oauth2', 'oauth2.token.url': authority.url, 'oauth2.client.id': 'client', 'oauth2.client.secret': 's3cret-of-client', 'oauth2.client.auth.mode': 'url' });
    await sink.put(record());
    await sink.until(() => sink.seeks.length > 0);
    await expect(sink.put(record())).rejects.toThrow(/No OAuth2 token: .*invalid_client/);
    expect(sink.errant).toEqual([]);
    expect(sink.texts).not.toContain('s3cret-of-client');
    expect(endpoint.got).toEqual([]);
  });
});

describe('signatures', () => {
  test('Standard Webhooks over the wire, by the secrets of a rotation, anew for each attempt', async () => {
    const [old, next] = [1, 2].map((it) => `whsec_${Buffer.alloc(32, it).toString('base64')}`) as [string, string];
    let tries = 0;
    endpoint.behaviour = () => ({ status: tries++ === 0 ? 500 : 204 });
    await sent({ 'signature.type': 'standard-webhooks', 'signature.secrets': `${old}, ${next}` });
    expect(endpoint.got).toHaveLength(2);
    for (const got of endpoint.got) for (const secret of [old, next]) expect(new Webhook(secret).verify(got.body, got.headers as Record<string, string>)).toEqual({ n: 0 });
    expect(new Set(endpoint.got.map((it) => it.headers['webhook-id'])).size).toBe(1);
    expect(endpoint.got[0]?.headers['webhook-id']).toBe(endpoint.got[0]?.headers['idempotency-key']);
  });

  test('HMAC of the body before it is compressed', async () => {
    const got = await sent({ 'signature.type': 'hmac', 'signature.secret': 'k', 'signature.header': 'X-Sig', 'signature.prefix': 'sha256=', 'http.request.compression': 'gzip' });
    expect(got.headers).toMatchObject({ 'content-encoding': 'gzip', 'x-sig': `sha256=${createHmac('sha256', 'k').update('{"n":0}').digest('hex')}` });
    expect(gunzipSync(got.raw).toString()).toBe('{"n":0}');
    expect(inflateSync((await sent({ 'http.request.compression': 'deflate' })).raw).toString()).toBe('{"n":0}');
    expect(brotliDecompressSync((await sent({ 'http.request.compression': 'br' })).raw).toString()).toBe('{"n":0}');
  });
});

describe('secrets', () => {
  test('that an endpoint sends back are in no message', async () => {
    endpoint.behaviour = (got) => ({ status: 400, body: JSON.stringify(got.headers) + got.url });
    const all = {
      'auth.type': 'basic', 'connection.user': 'me', 'connection.password': 'p4ss-of-mine', headers: 'X-Auth-Token: t0ken-of-mine', 'signature.type': 'hmac', 'signature.secret': 'sign-secret',
    };
    const sink = driver(all);
    await sink.put(record());
    await sink.delivered(1);
    const query = driver({ 'auth.type': 'apikey', 'api.key.location': 'query', 'api.key.value': 'key-of-mine' });
    await query.put(record());
    await query.delivered(1);
    expect(sink.errant).toHaveLength(1);
    for (const secret of ['p4ss-of-mine', Buffer.from('me:p4ss-of-mine').toString('base64'), 't0ken-of-mine', 'sign-secret', 'key-of-mine']) expect(sink.texts + query.texts).not.toContain(secret);
    expect(sink.texts).toContain('[hidden]');
  });
});

describe('addresses', () => {
  test('link-local and metadata addresses in a record are refused, in whatever form', async () => {
    const sink = driver({ 'http.api.url': '${value}' });
    const urls = ['http://169.254.169.254/latest/meta-data', 'http://2852039166/', 'http://[::ffff:169.254.169.254]/', 'http://0xa9.0xfe.0xa9.0xfe/', 'http://metadata.google.internal/'];
    await sink.put(...urls.map((value, offset) => sinkRecord({ offset, value })));
    await sink.delivered(urls.length);
    expect(sink.errant.map((it) => it.error.message.includes('is refused'))).toEqual(urls.map(() => true));
  });

  test('private addresses, if asked, also behind a name; and a list of hosts', async () => {
    const configs: readonly Record<string, string>[] = [{ 'http.addresses.deny.private': 'true', 'http.api.url': `http://localhost:${endpoint.port}/` }, { 'http.api.url': '${value}', 'http.allowed.hosts': 'api.example' }];
    for (const config of configs) {
      const sink = driver(config);
      await sink.put(sinkRecord({ value: endpoint.url }));
      await sink.delivered(1);
      expect(sink.errant[0]?.error.message).toMatch(/is refused: (localhost is at a private address|127\.0\.0\.1 is not among http\.allowed\.hosts)/);
    }
    expect(endpoint.got).toEqual([]);
    await sent({ 'http.addresses.deny.private': 'true', 'http.allowed.addresses': '127.0.0.0/8', 'http.api.url': `http://127.0.0.1:${endpoint.port}/` });
  });

  test('a name is resolved once, all its addresses are judged, and only those are connected to', async () => {
    const answers = [['169.254.169.254'], ['127.0.0.1', '169.254.169.254'], ['127.0.0.1'], ['169.254.169.254']];
    let asked = 0;
    const resolve = ((_name: string, _options: object, done: (error: null, addresses: { address: string; family: number }[]) => void) => done(null, (answers[asked++] ?? []).map((address) => ({ address, family: 4 })))) as unknown as typeof import('node:dns').lookup;
    const rules = new AddressRules({ denyPrivate: false, allowedHosts: [], allowedAddresses: [] });
    const agent = new Agent({ connect: guardedConnector(rules, {}, resolve) });
    const go = () => request(`http://rebinding.example:${endpoint.port}/`, { dispatcher: agent, method: 'POST' });
    await expect(go()).rejects.toMatchObject({ code: 'ADDRESS_REFUSED' });
    await expect(go()).rejects.toMatchObject({ code: 'ADDRESS_REFUSED' });
    expect((await go()).statusCode).toBe(200);
    await agent.destroy();
    expect([asked, endpoint.got.length]).toEqual([3, 1]);
  });

  test('redirects are not followed; if asked, with their body, not to where they must not lead, and without authorization elsewhere', async () => {
    const other = await another();
    endpoint.behaviour = (got) => (got.url === '/in' ? { status: 307, headers: { location: '/moved' } } : got.url === '/moved' ? { status: 308, headers: { location: `${other.url}/new` } } : { status: 302, headers: { location: `${other.url}/get` } });
    const off = driver({});
    await off.put(record());
    await off.delivered(1);
    expect(off.errant[0]?.error.message).toContain('was answered with 307');

    await sent({ 'http.redirects.max': '3', 'auth.type': 'bearer', 'bearer.token': 'tok', headers: 'X-Auth-Token: t0ken-of-mine|X-Tenant: us' });
    expect(endpoint.got.slice(-2).map((it) => [it.url, it.headers.authorization])).toEqual([['/in', 'Bearer tok'], ['/moved', 'Bearer tok']]);
    expect(endpoint.got.slice(-2).map((it) => it.headers['x-auth-token'])).toEqual(['t0ken-of-mine', 't0ken-of-mine']);
    expect(other.got.map((it) => [it.method, it.url, it.body, it.headers.authorization, it.headers['x-auth-token'], it.headers['x-tenant']])).toEqual([['POST', '/new', '{"n":0}', undefined, undefined, 'us']]);

    endpoint.behaviour = () => ({ status: 307, headers: { location: 'http://169.254.169.254/latest' } });
    const lured = driver({ 'http.redirects.max': '3' });
    await lured.put(record());
    await lured.delivered(1);
    expect(lured.errant[0]?.error.message).toContain('is refused');
  });
});

describe('TLS and proxies', () => {
  test('a certificate of one\'s own, an authority of one\'s own, HTTP/2 where it is not spoken', async () => {
    const tls = await another(() => ({ status: 200 }), { cert: pem('server.pem'), key: pem('server.pem'), ca: pem('ca.pem'), requestCert: true, rejectUnauthorized: true });
    const trust = { 'http.api.url': `${tls.url}/in`, 'https.ssl.truststore.location': path.join(TLS, 'ca.pem') };
    for (const config of [{ ...trust, 'https.ssl.keystore.location': path.join(TLS, 'client.pem') }, { ...trust, 'http.version': '2', 'https.ssl.keystore.certificate.chain': pem('client.pem'), 'https.ssl.keystore.key': pem('client.pem') }]) {
      const sink = driver(config);
      await sink.put(record());
      await sink.delivered(1);
      expect(sink.errant.map((it) => it.error.message)).toEqual([]);
    }
    expect(tls.got).toHaveLength(2);
    for (const config of [trust, { 'http.api.url': `${tls.url}/in` }]) {
      const sink = driver(config);
      await sink.put(record());
      await sink.delivered(1);
      expect(sink.errant).toHaveLength(1);
    }
  });

  test('through a proxy that asks for a password', async () => {
    const proxy = createServer((_, response) => void response.writeHead(400).end());
    const asked: (string | undefined)[] = [];
    proxy.on('connect', (incoming, socket) => {
      asked.push(incoming.headers['proxy-authorization']);
      const [host, port] = (incoming.url ?? '').split(':');
      const upstream = connect(Number(port), host, () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        upstream.pipe(socket).pipe(upstream);
      });
      upstream.on('error', () => socket.destroy());
      socket.on('error', () => upstream.destroy());
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const { port } = proxy.address() as AddressInfo;
    await sent({ 'http.proxy.host': '127.0.0.1', 'http.proxy.port': String(port), 'http.proxy.user': 'u', 'http.proxy.password': 'p' });
    await Promise.all(drivers.splice(0).map((it) => it.stop()));
    await new Promise<void>((resolve) => proxy.close(() => resolve()));
    expect(asked).toEqual([`Basic ${Buffer.from('u:p').toString('base64')}`]);
  });
});
