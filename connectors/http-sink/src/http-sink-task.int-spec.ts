import { EventEmitter } from 'node:events';
import { DataError, type SinkRecord } from '@millrace/connect-api';
import { type Answer, Endpoint } from '../test/endpoint.js';
import { sinkRecord } from '@millrace/connect-testkit';
import { map, TaskDriver } from '../test/task-driver.js';

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

const records = (count: number, key: (i: number) => string = () => 'k', from = 0): SinkRecord[] => Array.from({ length: count }, (_, i) => sinkRecord({ offset: from + i, key: key(from + i), value: map({ n: BigInt(from + i) }) }));
const bodies = (): string[] => endpoint.got.map((it) => it.body);
const ids = (): (string | undefined)[] => endpoint.got.map((it) => it.headers['idempotency-key'] as string | undefined);

describe('one record a request', () => {
  test('is a POST with its value as JSON, and committable once it was accepted', async () => {
    const sink = driver();
    const gate = new EventEmitter();
    endpoint.behaviour = () => new Promise((resolve) => gate.once('open', () => resolve({ status: 202 })));
    await sink.put(...records(1));
    await endpoint.until(() => endpoint.got.length === 1);
    expect(await sink.committed(1)).toBe(0);
    gate.emit('open');
    await sink.delivered(1);
    expect(endpoint.got[0]).toMatchObject({ method: 'POST', url: '/in', body: '{"n":0}' });
    expect(endpoint.got[0]?.headers).toMatchObject({ 'content-type': 'application/json', 'idempotency-key': expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/) as string });
  });

  test('retries keep the id, and the order of the key', async () => {
    const sink = driver();
    endpoint.behaviour = answers(503, 500, 200, 429);
    await sink.put(...records(3));
    await sink.delivered(3);
    expect(bodies()).toEqual(['{"n":0}', '{"n":0}', '{"n":0}', '{"n":1}', '{"n":1}', '{"n":2}']);
    expect(new Set(ids()).size).toBe(3);
  });

  test('nothing more is sent while the partitions may be another\u2019s', async () => {
    const sink = driver();
    const gate = new EventEmitter();
    endpoint.behaviour = (got) => (got.body === '{"n":0}' ? new Promise((resolve) => gate.once('open', () => resolve({ status: 200 }))) : { status: 200 });
    await sink.put(...records(3));
    await endpoint.until(() => endpoint.got.length === 1);
    let asked = 0;
    const askedThrice = new Promise<void>((resolve) => (sink.ownsAssignment = () => (++asked === 3 && resolve(), false)));
    gate.emit('open');
    await askedThrice;
    expect(await sink.committed(3)).toBe(1);
    expect(endpoint.got).toHaveLength(1);
    sink.ownsAssignment = () => true;
    await sink.delivered(3);
    expect(bodies()).toEqual(['{"n":0}', '{"n":1}', '{"n":2}']);
  });

  test('what is committable has no gap, however the answers come', async () => {
    const sink = driver();
    const gate = new EventEmitter();
    endpoint.behaviour = (got) => (got.body === '{"n":1}' ? new Promise((resolve) => gate.once('open', () => resolve({ status: 200 }))) : { status: 200 });
    await sink.put(...records(4, String));
    await sink.delivered(1, { topic: 'u', partition: 9 });
    await endpoint.until(() => endpoint.got.length === 4);
    expect(await sink.committed(4)).toBe(1);
    gate.emit('open');
    await sink.delivered(4);
  });

  test('in order of the partition, one at a time', async () => {
    const sink = driver({ 'delivery.order': 'partition' });
    let now = 0;
    let most = 0;
    endpoint.behaviour = async () => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setImmediate(resolve));
      now -= 1;
      return { status: 200 };
    };
    await sink.put(...records(20, String));
    await sink.delivered(20);
    expect(most).toBe(1);
    expect(bodies()).toEqual(records(20).map((it) => `{"n":${it.kafkaOffset}}`));
  });
});

describe('batches', () => {
  test('a JSON array, whose id is the same in every attempt', async () => {
    const sink = driver({ 'batch.max.size': '10', 'max.concurrent.requests': '1' });
    endpoint.behaviour = answers(500);
    await sink.put(...records(12));
    await sink.delivered(12);
    const first = JSON.stringify(Array.from({ length: 10 }, (_, n) => ({ n })));
    expect(bodies()).toEqual([first, first, '[{"n":10},{"n":11}]']);
    expect(ids()[0]).toBe(ids()[1]);
  });

  test('lines; and records of other targets apart', async () => {
    const sink = driver({ 'batch.max.size': '10', 'batch.format': 'ndjson', 'http.api.url': `${endpoint.url}/\${topic}`, headers: 'X-Key:${key}' });
    await sink.put(sinkRecord({ key: 'a', value: map({ n: 1n }) }), sinkRecord({ offset: 1, key: 'b', value: map({ n: 2n }) }), sinkRecord({ offset: 2, key: 'a', value: map({ n: 3n }) }), sinkRecord({ topic: 'u', key: 'a', value: map({ n: 4n }) }));
    await sink.delivered(3);
    await sink.delivered(1, { topic: 'u', partition: 0 });
    expect(endpoint.got.map((it) => [it.url, it.headers['x-key'], it.body, it.headers['content-type']]).sort()).toEqual([
      ['/t', 'a', '{"n":1}\n{"n":3}\n', 'application/x-ndjson'], ['/t', 'b', '{"n":2}\n', 'application/x-ndjson'], ['/u', 'a', '{"n":4}\n', 'application/x-ndjson'],
    ]);
  });

  test('time gathers records of several puts', async () => {
    const sink = driver({ 'batch.max.size': '3', 'batch.linger.ms': '60000' });
    await sink.put(...records(1));
    await sink.put(...records(1, undefined, 1));
    await sink.put(...records(1, undefined, 2));
    await sink.delivered(3);
    expect(bodies()).toEqual(['[{"n":0},{"n":1},{"n":2}]']);
  });

  test('a batch that is too large is halved; a record that is too large alone goes to the dead letters', async () => {
    const sink = driver({ 'batch.max.size': '8' }, { tolerance: 'all' });
    endpoint.behaviour = (got) => ({ status: got.body.includes('"n":5') || (JSON.parse(got.body) as unknown[]).length > 2 ? 413 : 200 });
    await sink.put(...records(8));
    await sink.delivered(8);
    expect(sink.errant.map((it) => it.record.kafkaOffset)).toEqual([5]);
  });

  test('an answer for each record', async () => {
    const sink = driver({ 'batch.max.size': '10', 'batch.item.results': 'status', 'batch.item.results.array.field': 'result.items', 'batch.item.results.status.field': 'status' }, { tolerance: 'all' });
    const item = (status: number): unknown => ({ status });
    endpoint.behaviour = answers({ status: 207, body: JSON.stringify({ result: { items: [item(201), item(503), item(422), item(200)] } }) }, { status: 207, body: JSON.stringify({ result: { items: [item(200)] } }) });
    await sink.put(...records(4, String));
    await sink.delivered(4);
    expect(bodies()).toEqual(['[{"n":0},{"n":1},{"n":2},{"n":3}]', '[{"n":1}]']);
    expect(sink.errant.map((it) => [it.record.kafkaOffset, it.error.message])).toEqual([[2, 'The endpoint answered 422 for item 2 of a batch']]);
  });

  test('207 is no success unless it is said how to read it', async () => {
    const sink = driver({ 'batch.max.size': '10' }, { tolerance: 'all' });
    endpoint.behaviour = answers({ status: 207, body: '[{"status":500}]' });
    await sink.put(...records(1));
    await sink.delivered(1);
    expect(sink.errant[0]?.error.message).toContain('batch.item.results does not say how to read it');
  });
});

describe('what fails', () => {
  test('a refused record goes to the dead letters, with the reason, and the next of its key follows', async () => {
    const sink = driver({}, { tolerance: 'all' });
    endpoint.behaviour = answers({ status: 422, body: 'amount must be\n positive' });
    await sink.put(...records(2));
    await sink.delivered(2);
    expect(sink.errant.map((it) => [it.record.kafkaOffset, it.error.message])).toEqual([[0, `POST ${endpoint.url} was answered with 422: amount must be positive`]]);
    expect(bodies()).toEqual(['{"n":0}', '{"n":1}']);
  });

  test('after the last try a record is passed on, not the task ended', async () => {
    const sink = driver({ 'max.retries': '2' }, { tolerance: 'all' });
    endpoint.behaviour = (got) => ({ status: got.body === '{"n":0}' ? 500 : 200 });
    await sink.put(...records(2));
    await sink.delivered(2);
    expect(bodies()).toEqual(['{"n":0}', '{"n":0}', '{"n":0}', '{"n":1}']);
    expect(sink.errant).toHaveLength(1);
  });

  test('where errors are not tolerated the task ends: what came before is committable, nothing of the key comes after', async () => {
    const sink = driver({}, { tolerance: 'none' });
    endpoint.behaviour = answers(200, 400);
    await sink.put(...records(4));
    await sink.until(() => sink.seeks.length > 0);
    expect(sink.seeks).toEqual([{ partition: { topic: 't', partition: 0 }, offset: 1 }]);
    expect(await sink.committed(4)).toBe(1);
    await expect(sink.put(...records(1, undefined, 1))).rejects.toThrow(/was answered with 400 \(the record at t-0, offset 1\)/);
    expect(bodies()).toEqual(['{"n":0}', '{"n":1}']);
  });

  test('a record that cannot be a request is reported before the put is over', async () => {
    const sink = driver({ 'http.api.url': `${endpoint.url}/\${value.id}` }, { tolerance: 'all' });
    await sink.put(sinkRecord({ value: map({ no: 1n }) }), sinkRecord({ offset: 1, value: map({ id: 1n }) }));
    expect(sink.errant.map((it) => [it.record.kafkaOffset, it.error])).toEqual([[0, expect.any(DataError)]]);
    await sink.delivered(2);
    const strict = driver({ 'http.api.url': `${endpoint.url}/\${value.id}` });
    await expect(strict.put(sinkRecord({ value: map({ no: 1n }) }))).rejects.toThrow('${value.id}: the record has no field id (the record at t-0, offset 0)');
  });

  test('behavior.on.error=log passes over it', async () => {
    const sink = driver({ 'behavior.on.error': 'log' });
    endpoint.behaviour = answers(400);
    await sink.put(...records(2));
    await sink.delivered(2);
    expect(sink.log.filter((it) => it.level === 'warn').map((it) => it.fields)).toEqual([expect.objectContaining({ topic: 't', partition: 0, offset: 0 })]);
  });

  test('410 ends an endpoint: it gets nothing more', async () => {
    const sink = driver({ 'http.api.url': `${endpoint.url}/\${value.to}` }, { tolerance: 'all' });
    endpoint.behaviour = (got) => ({ status: got.url === '/a' ? 410 : 200 });
    const to = (offset: number, it: string): SinkRecord => sinkRecord({ offset, key: 'k', value: map({ to: it }) });
    await sink.put(to(0, 'a'), to(1, 'b'), to(2, 'a'), to(3, 'a'));
    await sink.delivered(4);
    expect(endpoint.got.map((it) => it.url)).toEqual(['/a', '/b']);
    expect(sink.errant.map((it) => it.record.kafkaOffset)).toEqual([0, 2, 3]);
    expect(sink.errant[1]?.error.message).toContain('the endpoint has answered 410');
  });

  test('deleting what is not there is done', async () => {
    const sink = driver({ 'behavior.on.null.values': 'delete' });
    endpoint.behaviour = answers(404, 410);
    await sink.put(sinkRecord({ key: 'a/b' }), sinkRecord({ offset: 1, key: 'c' }));
    await sink.delivered(2);
    expect(endpoint.got.map((it) => `${it.method} ${it.url} ${it.body}`)).toEqual(['DELETE /in/a%2Fb ', 'DELETE /in/c ']);
  });

  test('Retry-After is waited for', async () => {
    const sink = driver();
    endpoint.behaviour = answers({ status: 503, headers: { 'retry-after': '1' } });
    await sink.put(...records(1));
    await sink.delivered(1);
    const [first, second] = endpoint.got;
    expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThanOrEqual(995);
  });

  test('no answer in time, half an answer, a reset, a refused connection: tried again with the same id', async () => {
    const sink = driver({ 'http.request.timeout.ms': '100', 'retry.backoff.ms': '20' });
    let count = 0;
    endpoint.behaviour = (_, response) => {
      count += 1;
      if (count === 1) return undefined;
      if (count === 2) return void response.socket?.resetAndDestroy() as undefined;
      if (count === 3) {
        response.writeHead(200, { 'content-length': '100' }).write('half');
        return undefined;
      }
      return { status: 200 };
    };
    await sink.put(...records(1));
    await endpoint.until(() => endpoint.got.length === 3);
    await endpoint.kill();
    await endpoint.listen();
    await sink.delivered(1);
    expect(new Set(ids()).size).toBe(1);
    expect(endpoint.got).toHaveLength(4);
  });

  test('an endless answer is not read, and is one', async () => {
    const sink = driver({ 'http.response.bytes.max': '1000' });
    let isClosed = false;
    endpoint.behaviour = (_, response) => {
      response.writeHead(200);
      const more = (): void => void (response.destroyed || response.write('x'.repeat(600)) ? setImmediate(() => !response.destroyed && more()) : response.once('drain', more));
      response.once('close', () => (isClosed = true));
      more();
      return undefined;
    };
    await sink.put(...records(1));
    await sink.delivered(1);
    while (!isClosed) await new Promise((resolve) => setImmediate(resolve));
  });
});

describe('the runtime\'s side', () => {
  const assignment = [{ topic: 't', partition: 0 }];

  test('partitions are paused while too much waits; every put comes back at once', async () => {
    const sink = driver({ 'max.pending.records': '10' }, { assignment });
    const gate = new EventEmitter();
    let isOpen = false;
    endpoint.behaviour = async () => {
      if (!isOpen) await new Promise((resolve) => gate.once('open', resolve));
      return { status: 200 };
    };
    await sink.put(...records(12));
    expect([...sink.paused]).toEqual(['t-0']);
    isOpen = true;
    gate.emit('open');
    await sink.until(() => sink.paused.size === 0);
    await sink.delivered(12);
  });

  test('where pausing does not help, put asks to be called again', async () => {
    const sink = driver({ 'max.pending.records': '5', 'http.request.timeout.ms': '300' });
    endpoint.behaviour = () => undefined;
    await sink.put(...records(10));
    await expect(sink.put(...records(1, undefined, 10))).rejects.toMatchObject({ code: 'CONNECT_RETRIABLE' });
    endpoint.behaviour = () => ({ status: 200 });
    await sink.putAll(records(1, undefined, 10));
    await sink.delivered(11);
  });

  test('partitions that are taken away are not sent from any more; others go on', async () => {
    const sink = driver({ 'http.request.timeout.ms': '60000' });
    endpoint.behaviour = (got) => (got.body === '{"n":0}' ? undefined : { status: 200 });
    await sink.put(...records(3), sinkRecord({ topic: 'u', key: 'k', value: 'u0' }));
    await endpoint.until(() => endpoint.got.length === 2);
    await sink.task.close(assignment);
    endpoint.behaviour = () => ({ status: 200 });
    await sink.put(sinkRecord({ topic: 'u', offset: 1, key: 'k', value: 'u1' }));
    await sink.delivered(2, { topic: 'u', partition: 0 });
    await sink.task.open(assignment);
    await sink.put(...records(3));
    await sink.delivered(3);
    expect(bodies().filter((it) => it.startsWith('{'))).toEqual(['{"n":0}', '{"n":0}', '{"n":1}', '{"n":2}']);
  });

  test('a position that is moved back replaces what waits', async () => {
    const sink = driver({ 'http.request.timeout.ms': '60000' });
    endpoint.behaviour = (got) => (got.body === '{"n":1}' ? undefined : { status: 200 });
    await sink.put(...records(3));
    await endpoint.until(() => endpoint.got.length === 2);
    endpoint.behaviour = () => ({ status: 200 });
    await sink.put(...records(2, undefined, 1));
    await sink.delivered(3);
    expect(bodies()).toEqual(['{"n":0}', '{"n":1}', '{"n":1}', '{"n":2}']);
  });

  test('a task that stops sends what it still can, and commits that', async () => {
    const sink = driver({ 'retry.backoff.ms': '60000', 'retry.backoff.policy': 'constant_value' });
    endpoint.behaviour = (got) => ({ status: got.body === '{"n":2}' ? 503 : 200 });
    await sink.put(...records(4));
    drivers.splice(0);
    const stopping = sink.stopping();
    expect(await sink.committed(4)).toBe(2);
    await stopping();
    expect(bodies()).toEqual(['{"n":0}', '{"n":1}', '{"n":2}']);
  });
});
