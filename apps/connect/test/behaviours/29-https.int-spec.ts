import fs from 'node:fs';
import path from 'node:path';
import { freePort } from '@millrace/testkit';
import { Cluster, ownIt, send } from './cluster.js';

const folder = path.join(__dirname, '../tls');
const file = (name: string): string => path.join(folder, name);
const text = (name: string): string => fs.readFileSync(file(name), 'utf8');
const oneLine = (name: string): string => text(name).trim().replaceAll('\n', '\\n');

const ca = text('authority.pem');
const shown = { ca, cert: text('worker.cert.pem'), key: text('worker.key.pem') };
const strange = { ca, cert: text('stranger.pem'), key: text('stranger.pem') };
const PEM = { 'ssl.keystore.type': 'PEM', 'ssl.keystore.location': file('worker.pem'), 'ssl.truststore.type': 'PEM', 'ssl.truststore.location': file('authority.pem') };

let cluster: Cluster | undefined;
async function start(): Promise<Cluster> {
  cluster = await Cluster.start({ workers: 0 });
  cluster.clientTls = { ca };
  return cluster;
}
afterEach(async () => await cluster?.stop(), 60_000);

const get = (url: string, tls: object): Promise<{ status: number; text: string }> => send(`${url}/`, { method: 'GET', body: undefined, headers: {} }, tls);

describe('29 requests are passed on over https', () => {
  ownIt.each([
    ['no https at all', false, 'http', 'http'],
    ['https listeners, but http is advertised', true, 'http', 'http'],
    ['the leader advertises https before the follower', true, 'http', 'https'],
    ['the follower advertises https before the leader', true, 'https', 'http'],
    ['both advertise https', true, 'https', 'https'],
    ['https only', false, 'https', 'https'],
  ] as const)(
    '%s',
    async (_, dual, follower, leader) => {
      const workers = await start();
      const add = (advertised: 'http' | 'https'): Promise<number> =>
        workers.addWorker({ ...(dual || advertised === 'https' ? PEM : {}), ...(dual ? { 'rest.advertised.listener': advertised } : {}) }, dual ? ['http', 'https'] : [advertised]);
      await add(leader);
      const asked = await add(follower);
      expect(workers.urls.map((it) => new URL(it).protocol)).toEqual([`${leader}:`, `${follower}:`]);
      const name = workers.name('passed-on');
      const created = await workers.settled('POST', '/connectors', { worker: asked, body: { name, config: workers.fileSource('passed-on', ['one']) } });
      expect({ status: created.status, body: created.body }).toMatchObject({ status: 201, body: { name } });
      await workers.untilStates(name, 'RUNNING', ['RUNNING']);
      expect((await workers.settled('DELETE', `/connectors/${name}`, { worker: asked })).status).toBe(204);
    },
    90_000,
  );

  ownIt('with certificates of both sides: workers show theirs, and who has none, or a strange one, is turned away', async () => {
    const workers = await start();
    workers.clientTls = shown;
    const strict = { ...PEM, 'ssl.client.auth': 'required' };
    for (let i = 0; i < 2; i++) await workers.addWorker(strict, ['https']);
    const name = workers.name('known');
    const created = await workers.settled('POST', '/connectors', { worker: 1, body: { name, config: workers.fileSource('known', ['one']) } });
    expect(created.status).toBe(201);
    await workers.untilStates(name, 'RUNNING', ['RUNNING']);
    for (const tls of [{ ca }, strange]) await expect(get(workers.urls[0] ?? '', tls)).rejects.toThrow();
  }, 90_000);

  ownIt('a certificate that is asked for may be left out, but not be wrong', async () => {
    const workers = await start();
    const number = await workers.addWorker({ ...PEM, 'ssl.client.auth': 'requested' }, ['https']);
    const url = workers.urls[number] ?? '';
    for (const tls of [{ ca }, shown]) expect((await get(url, tls)).status).toBe(200);
    await expect(get(url, strange)).rejects.toThrow();
  }, 60_000);

  ownIt('a leader that is not trusted is not asked', async () => {
    const workers = await start();
    workers.clientTls = { ca: `${ca}${text('stranger.pem')}` };
    await workers.addWorker({ ...PEM, 'ssl.keystore.location': file('stranger.pem') }, ['https']);
    const asked = await workers.addWorker(PEM, ['https']);
    const refused = await workers.settled('POST', '/connectors', { worker: asked, body: { name: 'n', config: { ...workers.fileSource('n', ['one']), name: 'n' } } });
    expect({ status: refused.status, body: refused.body }).toEqual({ status: 500, body: { error_code: 500, message: expect.stringMatching(/^IO Error trying to forward REST request: .*self-signed certificate$/) as string } });
  }, 60_000);
});

describe('29 an https listener', () => {
  ownIt.each<[string, Record<string, string>]>([
    ['chain and key as text', { 'ssl.keystore.type': 'PEM', 'ssl.keystore.certificate.chain': oneLine('worker.cert.pem'), 'ssl.keystore.key': oneLine('worker.key.pem') }],
    ['a key with a password', { 'ssl.keystore.type': 'PEM', 'ssl.keystore.certificate.chain': text('worker.cert.pem'), 'ssl.keystore.key': text('worker.encrypted-key.pem'), 'ssl.key.password': 'key-word' }],
    ['a PKCS12 store', { 'ssl.keystore.type': 'PKCS12', 'ssl.keystore.location': file('worker.p12'), 'ssl.keystore.password': 'store-word' }],
    ['settings with the prefix of REST, which are used instead of those for Kafka', { 'ssl.keystore.location': '/not/there', 'listeners.https.ssl.keystore.location': file('worker.pem'), 'listeners.https.ssl.enabled.protocols': 'TLSv1.2', 'listeners.https.ssl.cipher.suites': 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256' }],
  ])('takes %s', async (_, settings) => {
    const workers = await start();
    const number = await workers.addWorker(settings, ['https']);
    expect(await get(workers.urls[number] ?? '', { ca })).toMatchObject({ status: 200 });
  }, 60_000);

  ownIt('of its own for /admin serves that alone, and the others do not', async () => {
    const workers = await start();
    const admin = `https://127.0.0.1:${await freePort()}`;
    await workers.addWorker({ 'admin.listeners': admin, 'admin.listeners.https.ssl.keystore.location': file('worker.pem') });
    const of = async (url: string, where: string): Promise<number> => (await send(`${url}${where}`, { method: 'GET', body: undefined, headers: {} }, { ca })).status;
    expect(await of(admin, '/admin/loggers')).toBe(200);
    expect(await of(admin, '/connectors')).toBe(404);
    expect(await of(workers.urls[0] ?? '', '/admin/loggers')).toBe(404);
    expect(await of(workers.urls[0] ?? '', '/connectors')).toBe(200);
  }, 60_000);
});
