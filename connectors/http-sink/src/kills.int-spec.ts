import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { ServerResponse } from 'node:http';
import { type Answer, Endpoint, type Got } from '../test/endpoint.js';

const KILLS = 20;
const PARTITIONS = 3;
const KEYS = 100;

jest.setTimeout(90_000);

/** Numbers from a seed, in [0, 1). */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Entry {
  readonly id: string;
  readonly p: number;
  readonly o: number;
  readonly k: string;
}

/** A receiver that takes each id once, and treats its callers badly. */
class Receiver {
  readonly ids = new Map<string, string>();
  readonly firsts = new Map<string, number[]>();
  readonly placeIds = new Map<string, Set<string>>();
  repeats = 0;
  readonly misdeeds = new Map<string, number>();
  /** Answers everything from now on. */
  isTame = false;

  constructor(
    private readonly random: () => number,
    private readonly entriesOf: (got: Got) => Entry[],
  ) {}

  async serve(got: Got, response: ServerResponse): Promise<Answer | undefined> {
    const luck = this.isTame ? 1 : this.random();
    const refusals: readonly (readonly [number, string, Answer])[] = [
      [0.02, '429', { status: 429, headers: { 'retry-after': '0' } }], [0.02, '503', { status: 503 }], [0.02, '500', { status: 500 }], [0.01, '507', { status: 507 }], [0.02, '413', { status: 413 }],
    ];
    let bound = 0;
    for (const [share, name, answer] of refusals) if (luck < (bound += share)) return this.misdeed(name), answer;
    if (luck < (bound += 0.02)) return this.misdeed('reset before'), void response.socket?.resetAndDestroy() as undefined;
    this.accept(got);
    if (luck < (bound += 0.02)) return this.misdeed('reset after'), void response.socket?.resetAndDestroy() as undefined;
    if (luck < (bound += 0.01)) return this.misdeed('silence after'), undefined;
    if (luck < (bound += 0.02)) return this.misdeed('half an answer'), response.writeHead(200, { 'content-length': '9' }).write('x'), undefined;
    if (luck < (bound += 0.05)) this.misdeed('slow'), await new Promise((resolve) => setTimeout(resolve, 60));
    return { status: 200 };
  }

  private accept(got: Got): void {
    for (const { id, p, o, k } of this.entriesOf(got)) {
      const place = `${p}-${o}`;
      this.placeIds.set(place, (this.placeIds.get(place) ?? new Set()).add(id));
      if (this.ids.has(id)) {
        this.repeats += 1;
        continue;
      }
      this.ids.set(id, place);
      this.firsts.set(k, [...(this.firsts.get(k) ?? []), o]);
    }
  }

  private misdeed(name: string): void {
    this.misdeeds.set(name, (this.misdeeds.get(name) ?? 0) + 1);
  }
}

const CONFIG = {
  'max.retries': '-1', 'retry.backoff.ms': '10', 'retry.backoff.max.ms': '50', 'http.request.timeout.ms': '150', 'max.pending.records': '200', 'circuit.breaker.open.ms': '10', 'circuit.breaker.open.max.ms': '50', 'retry.on.status.codes': '408,413,425,429,500-',
};
const single = (got: Got): Entry[] => [{ ...(JSON.parse(got.body) as Entry), id: got.headers['idempotency-key'] as string }];
const batch = (got: Got): Entry[] => JSON.parse(got.body) as Entry[];

let endpoint: Endpoint;
let child: ChildProcess;

afterEach(async () => {
  child.kill('SIGKILL');
  await endpoint.kill();
});

test.each([
  ['one record a request', {}, single, 1],
  ['batches of ten, with the ids in the body', { 'batch.max.size': '10', 'request.body.template': '{"id":"${id}","p":${value.p},"o":${value.o},"k":${value.k}}' }, batch, 2],
  ['one record a request, in order of partitions', { 'delivery.order': 'partition' }, single, 3],
])('%s: workers are killed, the endpoint restarts and misbehaves; each record arrives, in order, with one id', async (_name, more, entriesOf, seed) => {
  const random = randomOf(seed);
  const receiver = new Receiver(randomOf(seed + 100), entriesOf);
  endpoint = await Endpoint.start((got, response) => receiver.serve(got, response));
  const config = { ...CONFIG, 'http.api.url': `${endpoint.url}/in`, ...more };
  let committed = new Array<number>(PARTITIONS).fill(0);
  let failed: string | undefined;
  const worker = (ends: readonly number[]): ChildProcess => {
    const forked = fork(path.resolve(__dirname, '../test/killed-worker.cjs'), [JSON.stringify({ config, committed, ends, keys: KEYS, connectorName: 'sink' })], { execArgv: [] });
    forked.on('message', (message: { committed?: number[]; failed?: string }) => {
      if (message.committed) committed = message.committed;
      failed ??= message.failed;
    });
    return forked;
  };
  const endless = new Array<number>(PARTITIONS).fill(1e9);
  child = worker(endless);
  for (let kill = 0; kill < KILLS; kill++) {
    const seen = endpoint.got.length;
    const requests = 1 + Math.floor(random() * 80);
    // Under load: after so many requests of this worker.
    if (kill % 5 === 4) {
      await endpoint.kill();
      await new Promise((resolve) => setTimeout(resolve, 40));
      await endpoint.listen();
    }
    await endpoint.until(() => endpoint.got.length >= seen + requests || failed !== undefined);
    child.kill('SIGKILL');
    await once(child, 'exit');
    child = worker(endless);
  }
  child.kill('SIGKILL');
  await once(child, 'exit');
  const ends = committed.map((it, p) => Math.max(it, 1 + Math.max(-1, ...[...receiver.placeIds.keys()].filter((place) => place.startsWith(`${p}-`)).map((place) => Number(place.split('-')[1])))));
  receiver.isTame = true;
  child = worker(ends);
  while (failed === undefined && committed.some((it, p) => it < (ends[p] ?? 0))) await once(child, 'message');
  expect(failed).toBeUndefined();

  const total = ends.reduce((sum, it) => sum + it, 0);
  expect(committed).toEqual(ends);
  expect(receiver.ids.size).toBe(total);
  expect([...receiver.placeIds.values()].filter((it) => it.size !== 1)).toEqual([]);
  expect(receiver.placeIds.size).toBe(total);
  for (const offsets of receiver.firsts.values()) expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
  expect(total).toBeGreaterThan(50);
  expect(receiver.repeats).toBeGreaterThan(0);
  expect(receiver.misdeeds.size).toBeGreaterThan(6);
  if (process.env.MILLRACE_FIGURES) console.log(JSON.stringify({ name: _name, kills: KILLS, records: total, requests: endpoint.got.length, repeats: receiver.repeats, misdeeds: Object.fromEntries(receiver.misdeeds) }));
});
