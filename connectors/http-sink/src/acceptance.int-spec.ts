import path from 'node:path';
import { describeSinkConnector, type RecordParts } from '@millrace/connect-testkit';
import { Endpoint } from '../test/endpoint.js';
import { map } from '../test/task-driver.js';
import { plugin } from './index.js';

let endpoint: Endpoint | undefined;
/** What a receiver keeps that takes each id once; and deletes what it is asked to. */
let taken = new Map<string, number>();

function world(): Endpoint {
  if (!endpoint) throw new Error('the world is not open');
  return endpoint;
}

describe.each(['1', '50'])('batch.max.size=%s', (size) => {
  describeSinkConnector({
    plugin,
    folder: path.join(__dirname, '..'),
    open: async () => {
      taken = new Map();
      endpoint = await Endpoint.start((got) => {
        const entries = got.method === 'DELETE' ? [] : (JSON.parse(got.body) as { id: string; item: number }[] | { id: string; item: number });
        for (const { id, item } of Array.isArray(entries) ? entries : [entries]) taken.set(id, item);
        if (got.method === 'DELETE') for (const [id, item] of taken) if (`/in/${item}` === got.url) taken.delete(id);
        return { status: 200 };
      });
      return {
        'connector.class': 'HttpSink', 'http.api.url': `${endpoint.url}/in`, 'batch.max.size': size, 'max.concurrent.requests': size === '1' ? '1' : '10', 'delivery.order': size === '1' ? 'partition' : 'key', 'max.retries': '-1', 'retry.backoff.ms': '20', 'retry.backoff.max.ms': '100', 'circuit.breaker.open.max.ms': '200',
        'behavior.on.null.values': 'delete', 'http.headers.content.type': 'application/json', 'request.body.template': '{"id":"${id}","item":${value.item},"text":${value.text}}',
      };
    },
    close: async () => {
      await endpoint?.kill();
      endpoint = undefined;
    },
    outage: { begin: () => world().kill(), end: () => world().listen() },
    kill: async (task) => void (await task.stop()),
    record: (item): RecordParts => ({ key: String(item), value: map({ item: BigInt(item), text: 'x' }) }),
    readBack: () => Promise.resolve([...taken.values()]),
    badRecord: (item): RecordParts => ({ key: String(item), value: map({ item: BigInt(item) }) }),
    changedRecord: (item): RecordParts => ({ key: String(item), value: map({ item: BigInt(item), text: 'x', more: 'y' }) }),
    largeRecord: (item, bytes): RecordParts => ({ key: String(item), value: map({ item: BigInt(item), text: 'x'.repeat(bytes) }) }),
    claims: { idempotent: true, ordered: size === '1', deletes: true },
    fingerprint: () => Promise.resolve(String(world().got.length)),
  });
});
