import { Cluster, ownIt } from './cluster.js';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.start({ requestTimeoutMs: 1500 });
}, 60_000);
afterAll(() => cluster.stop(), 60_000);

describe('9 a request that takes too long', () => {
  ownIt('is refused with what the worker was doing; later requests are served', async () => {
    const config = { 'connector.class': 'test.TroubleSourceConnector', 'block.in': 'connector.validate' };
    const name = cluster.name('slow');
    for (const [method, path, body] of [
      ['POST', '/connectors', { name, config }],
      ['PUT', `/connectors/${name}/config`, config],
    ] as const) {
      const answer = await cluster.request(method, path, { body });
      expect(answer.status).toBe(500);
      expect((answer.body as { message: string }).message).toMatch(new RegExp(`^Request timed out\\. The worker is currently validating the config of connector ${name}, which began at \\d{4}-\\d\\d-\\d\\dT.*Z\\.$`));
    }
    const validated = await cluster.request('PUT', '/connector-plugins/TroubleSource/config/validate', { body: { ...config, name } });
    expect((validated.body as { message: string }).message).toMatch(/^Request timed out\. The worker is currently validating/);
    const well = await cluster.create('quick', cluster.fileSource('quick', ['one']));
    await cluster.untilStates(well, 'RUNNING', ['RUNNING']);
    expect((await cluster.request('GET', `/connectors/${name}`)).status).toBe(404);
  }, 60_000);
});
