import { type Answer, Endpoint } from '../test/endpoint.js';
import { map, sinkRecord, TaskDriver } from '../test/task-driver.js';

let endpoint: Endpoint;
const drivers: TaskDriver[] = [];

beforeEach(async () => {
  endpoint = await Endpoint.start();
});
afterEach(async () => {
  await Promise.all(drivers.splice(0).map((it) => it.stop()));
  await endpoint.kill();
});

function driver(config: Readonly<Record<string, string>> = {}, options: ConstructorParameters<typeof TaskDriver>[1] = {}): TaskDriver {
  const it = new TaskDriver({ 'http.api.url': `${endpoint.url}/in`, 'retry.backoff.ms': '1', ...config }, options);
  drivers.push(it);
  return it;
}

/** The first answers in their order, then 200. */
function answers(...given: readonly (Answer | number)[]): () => Answer {
  let next = 0;
  return () => {
    const it = given[next++] ?? 200;
    return typeof it === 'number' ? { status: it } : it;
  };
}

const records = (count: number, key: (i: number) => string = () => 'k') => Array.from({ length: count }, (_, offset) => sinkRecord({ offset, key: key(offset), value: map({ n: BigInt(offset) }) }));

test('a record is a POST with its value as JSON, and is committable once it was accepted', async () => {
  const sink = driver();
  let accept = (): void => undefined;
  endpoint.behaviour = () => new Promise((resolve) => (accept = () => resolve({ status: 202 })));
  await sink.put(...records(1));
  await endpoint.until(() => true);
  while (endpoint.got.length === 0) await new Promise((resolve) => setImmediate(resolve));
  expect(await sink.committed(1)).toBe(0);
  accept();
  await sink.delivered(1);
  const [got] = endpoint.got;
  expect(got).toMatchObject({ method: 'POST', url: '/in', body: '{"n":0}' });
  expect(got?.headers).toMatchObject({ 'content-type': 'application/json', 'idempotency-key': expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/) as string });
});

test('retries keep the id and the order of the key', async () => {
  const sink = driver();
  endpoint.behaviour = answers(503, 500, 200, 429);
  await sink.put(...records(3));
  await sink.delivered(3);
  expect(endpoint.got.map((it) => it.body)).toEqual(['{"n":0}', '{"n":0}', '{"n":0}', '{"n":1}', '{"n":1}', '{"n":2}']);
  expect(new Set(endpoint.got.map((it) => it.headers['idempotency-key'])).size).toBe(3);
});
