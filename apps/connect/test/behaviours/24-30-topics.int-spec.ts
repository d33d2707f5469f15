import { waitFor } from '@millrace/testkit';
import { Cluster, isForeign, ownIt } from './cluster.js';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.start();
}, 60_000);
afterAll(() => cluster.stop(), 60_000);

describe('24 the topics of a connector', () => {
  it('are told for each, emptied when asked to, and gone with it', async () => {
    const source = await cluster.create('topics', cluster.fileSource('topics', ['one']));
    const sink = await cluster.create('topics-sink', cluster.fileSink('topics', 'topics'));
    const topics = async (name: string): Promise<unknown> => (await cluster.settled('GET', `/connectors/${name}/topics`)).body;
    for (const name of [source, sink]) await waitFor(`${name} has its topic`, 60_000, async () => JSON.stringify(await topics(name)) === JSON.stringify({ [name]: { topics: [cluster.name('topics-topic')] } }));
    expect((await cluster.settled('PUT', `/connectors/${source}/topics/reset`)).status).toBe(202);
    await waitFor('it is empty', 20_000, async () => JSON.stringify(await topics(source)) === JSON.stringify({ [source]: { topics: [] } }));
    expect(await topics(sink)).toEqual({ [sink]: { topics: [cluster.name('topics-topic')] } });
    await cluster.remove_(sink);
    await waitFor('they are gone with it', 20_000, async () => {
      const { status, body } = await cluster.settled('GET', `/connectors/${sink}/topics`);
      return status === 404 || JSON.stringify(body) === JSON.stringify({ [sink]: { topics: [] } });
    });
    await cluster.remove_(source);
  }, 120_000);

  ownIt('are not told, or not emptied, where that is switched off', async () => {
    const deaf = await cluster.addWorker({ 'topic.tracking.enable': 'false' });
    const firm = await cluster.addWorker({ 'topic.tracking.allow.reset': 'false' });
    const of = async (method: string, path: string, worker: number): Promise<unknown> => (await cluster.request(method, path, { worker })).body;
    expect(await of('GET', '/connectors/any/topics', deaf)).toEqual({ error_code: 403, message: 'Topic tracking is disabled.' });
    expect(await of('PUT', '/connectors/any/topics/reset', deaf)).toEqual({ error_code: 403, message: 'Topic tracking is disabled.' });
    expect(await of('PUT', '/connectors/any/topics/reset', firm)).toEqual({ error_code: 403, message: 'Topic tracking reset is disabled.' });
    for (const worker of [deaf, firm]) await cluster.removeWorker(worker);
  }, 60_000);
});

describe('30 what a standalone worker’s tests ask as well', () => {
  it('log levels are set at run time, and health tells the truth', async () => {
    const logger = cluster.name('logger');
    expect((await cluster.request('PUT', `/admin/loggers/${logger}`, { body: { level: 'debug' } })).body).toEqual([logger]);
    expect((await cluster.request('GET', `/admin/loggers/${logger}`)).body).toMatchObject({ level: 'DEBUG' });
    expect((await cluster.request('PUT', `/admin/loggers/${logger}?scope=cluster`, { body: { level: 'ERROR' } })).status).toBe(204);
    await waitFor('it is so', 10_000, async () => (await cluster.request('GET', `/admin/loggers/${logger}`)).text.includes('ERROR'));
    expect((await cluster.request('GET', '/health')).body).toMatchObject({ status: 'healthy' });
    if (!isForeign) expect((await cluster.request('GET', '/health')).status).toBe(200);
  }, 30_000);
});
