import fc from 'fast-check';
import type { Message, Failure, Outcome } from './message.js';
import { MessageScheduler, type SchedulerSettings } from './message-scheduler.js';
import { PartitionProgress } from './partition-progress.js';
import { MessageItem } from './message-item.js';

type Scheduler = MessageScheduler<string>;

const SETTINGS: SchedulerSettings = {
  batch: { itemsMax: 1, bytesMax: 1000, lingerMs: 0, oneOfLane: false },
  host: { concurrentMax: 10, ratePerSecond: null, rateBurst: 1, breakerFailures: 0, breakerOpenMs: 100, breakerOpenMaxMs: 1000 },
  concurrentMax: 10,
  backoff: { policy: 'exponential', baseMs: 100, maxMs: 1000 },
  retriesMax: null,
  retriesEndAfterMs: null,
  random: () => 0.5,
};

const failed = (failure: Partial<Failure>): Outcome => ({ kind: 'failed', failure: { kind: 'transient', error: new Error('no'), host: 'ok', ...failure } });
const DELIVERED: Outcome = { kind: 'delivered' };

function setting(changes: Partial<Omit<SchedulerSettings, 'batch' | 'host'>> & { batch?: Partial<SchedulerSettings['batch']>; host?: Partial<SchedulerSettings['host']> } = {}): SchedulerSettings {
  return { ...SETTINGS, ...changes, batch: { ...SETTINGS.batch, ...changes.batch }, host: { ...SETTINGS.host, ...changes.host } };
}

class Queue {
  readonly scheduler: Scheduler;
  readonly progress = new PartitionProgress<string>('t', 0);
  private offset = 0;

  constructor(changes: Parameters<typeof setting>[0] = {}) {
    this.scheduler = new MessageScheduler(setting(changes));
  }

  /** Items `lane/payload`, or `lane@group/payload`, `lane@group@host/payload`. */
  add(nowMs: number, ...texts: string[]): void {
    this.addTo(this.progress, nowMs, ...texts);
  }

  addTo(progress: PartitionProgress<string>, nowMs: number, ...texts: string[]): void {
    for (const text of texts) {
      const [where = '', payload = ''] = text.split('/');
      const [lane = '', group = 'g', host = 'h'] = where.split('@');
      this.scheduler.add(new MessageItem(payload, { progress, offset: this.offset++, laneKey: lane === '' ? null : lane, groupKey: `${host}${group}`, hostKey: host, bytes: payload.length }), nowMs);
    }
  }

  /** All that may start now, as texts. */
  start(nowMs: number): string[] {
    return this.take(nowMs).map(textOf);
  }

  take(nowMs: number): Message<string>[] {
    const taken: Message<string>[] = [];
    for (let it = this.scheduler.next(nowMs); it; it = this.scheduler.next(nowMs)) taken.push(it);
    return taken;
  }
}

const textOf = (it: Message<string>): string => it.items.map((item) => item.payload).join('+');

describe('order', () => {
  test('keys in parallel, records of a key one after the other, also over retries', () => {
    const queue = new Queue();
    queue.add(0, 'a/a1', 'a/a2', 'b/b1', '/x', '/y');
    const [a1, b1] = queue.take(0);
    expect([textOf(a1!), textOf(b1!)]).toEqual(['a1', 'b1']);
    expect(queue.scheduler.inFlight).toBe(4);
    queue.scheduler.ended(a1!, failed({}), 10);
    expect(queue.start(10)).toEqual([]);
    expect(queue.scheduler.wakeAtMs).toBe(60);
    expect(queue.start(60)).toEqual(['a1']);
    queue.scheduler.ended(a1!, DELIVERED, 70);
    expect(queue.start(70)).toEqual(['a2']);
  });

  test('a rejected record holds its key until it is reported', () => {
    const queue = new Queue();
    queue.add(0, 'a/a1', 'a/a2');
    const [a1] = queue.take(0);
    const rejected = queue.scheduler.ended(a1!, failed({ kind: 'permanent' }), 1);
    expect(rejected.map((it) => it.item.payload)).toEqual(['a1']);
    expect(queue.start(1)).toEqual([]);
    expect(queue.progress.committable(2)).toBe(0);
    queue.scheduler.settled(a1!, rejected, 2);
    expect(queue.progress.committable(2)).toBe(1);
    expect(queue.start(2)).toEqual(['a2']);
  });
});

describe('a partition that is revoked', () => {
  test('what waits for its host is sent no more, what came since is', () => {
    const queue = new Queue({ host: { concurrentMax: 1 } });
    const others = new PartitionProgress<string>('t', 1);
    queue.add(0, 'a/old');
    const [old] = queue.take(0);
    queue.scheduler.ended(old!, failed({}), 0);
    queue.addTo(others, 1, 'b/full');
    const [full] = queue.take(1);
    expect(queue.start(1000)).toEqual([]);
    queue.scheduler.forget(queue.progress);
    queue.add(1001, 'a/new');
    queue.scheduler.ended(full!, DELIVERED, 1002);
    expect(queue.start(1002)).toEqual(['new']);
    expect([queue.scheduler.pendingItems, queue.scheduler.inFlight]).toEqual([1, 1]);
  });

  test.each([false, true])('of a message that waits for its host, what is another partition\'s is sent; with nothing left of it its lanes are free (the other has it: %s)', (isTaken) => {
    const queue = new Queue({ batch: { itemsMax: 2 }, host: { concurrentMax: 1 } });
    const others = new PartitionProgress<string>('t', 1);
    queue.add(0, 'a/mine');
    queue.addTo(others, 0, 'b/theirs', 'b@g@elsewhere/next', 'c@full/full');
    const [both] = queue.take(0);
    expect(textOf(both!)).toBe('mine+theirs');
    const failure: Failure = { kind: 'transient', error: new Error('no'), host: 'ok' };
    queue.scheduler.ended(both!, isTaken ? { kind: 'itemized', results: [failure, null] } : { kind: 'failed', failure }, 0);
    const [full] = queue.take(1);
    expect(textOf(full!)).toBe('full');
    expect(queue.start(1000)).toEqual([]);
    queue.scheduler.forget(queue.progress);
    queue.scheduler.ended(full!, DELIVERED, 1001);
    const [rest] = queue.take(1001);
    expect(textOf(rest!)).toBe(isTaken ? 'next' : 'theirs');
    queue.scheduler.ended(rest!, DELIVERED, 1002);
    expect(queue.start(1002)).toEqual(isTaken ? [] : ['next']);
  });
});

describe('batches', () => {
  test('records of one group share a request, those of another do not, and a key never stands in two', () => {
    const queue = new Queue({ batch: { itemsMax: 3 } });
    queue.add(0, 'a/a1', 'b/b1', 'a@other/a2', 'c/c1', 'd/d1', 'a/a3');
    const [first, second] = queue.take(0);
    expect([textOf(first!), textOf(second!)]).toEqual(['a1+b1+c1', 'd1']);
    queue.scheduler.ended(first!, DELIVERED, 5);
    const [third] = queue.take(5);
    expect(textOf(third!)).toBe('a2');
    queue.scheduler.ended(third!, DELIVERED, 6);
    expect(queue.start(6)).toEqual(['a3']);
  });

  test('bytes bound a request, save for one record that is larger alone', () => {
    const queue = new Queue({ batch: { itemsMax: 10, bytesMax: 5 } });
    queue.add(0, 'a/11', 'b/22', 'c/33', 'd/4444444', 'e/5');
    expect(queue.start(0)).toEqual(['11+22', '33', '4444444', '5']);
  });

  test('a record lingers for others; a full batch does not', () => {
    const queue = new Queue({ batch: { itemsMax: 2, lingerMs: 50 } });
    queue.add(0, 'a/a1');
    queue.add(10, 'b@other/o1');
    expect(queue.start(10)).toEqual([]);
    expect(queue.scheduler.wakeAtMs).toBe(50);
    queue.add(20, 'c@other/o2');
    expect(queue.start(20)).toEqual(['o1+o2']);
    expect(queue.start(50)).toEqual(['a1']);
  });

  test('too large: halves, one after the other, and alone it is rejected', () => {
    const queue = new Queue({ batch: { itemsMax: 4 } });
    queue.add(0, 'a/1', 'a/2', 'b/3');
    const [whole] = queue.take(0);
    queue.scheduler.ended(whole!, failed({ kind: 'too-large' }), 1);
    const [half] = queue.take(1);
    expect(textOf(half!)).toBe('1+2');
    queue.scheduler.ended(half!, failed({ kind: 'too-large' }), 2);
    const [one] = queue.take(2);
    expect(textOf(one!)).toBe('1');
    const rejected = queue.scheduler.ended(one!, failed({ kind: 'too-large' }), 3);
    expect(rejected.map((it) => it.item.payload)).toEqual(['1']);
    queue.scheduler.settled(one!, rejected, 3);
    const [two] = queue.take(3);
    expect(textOf(two!)).toBe('2');
    queue.scheduler.ended(two!, DELIVERED, 4);
    const [three] = queue.take(4);
    expect(textOf(three!)).toBe('3');
    queue.scheduler.ended(three!, DELIVERED, 5);
    expect([queue.progress.committable(3), queue.scheduler.pendingItems]).toEqual([3, 0]);
  });

  test('an answer for each item: what failed for now is tried again, what failed for good is rejected', () => {
    const queue = new Queue({ batch: { itemsMax: 4, oneOfLane: true } });
    queue.add(0, 'a/1', 'b/2', 'c/3', 'a/4');
    const [batch] = queue.take(0);
    expect(textOf(batch!)).toBe('1+2+3');
    const failure = (kind: Failure['kind']): Failure => ({ kind, error: new Error(kind), host: 'ok' });
    const rejected = queue.scheduler.ended(batch!, { kind: 'itemized', results: [failure('transient'), failure('permanent'), null] }, 1);
    expect(rejected.map((it) => it.item.payload)).toEqual(['2']);
    expect(queue.start(51)).toEqual(['1']);
    queue.scheduler.ended(batch!, DELIVERED, 60);
    // The report is not done: its lanes wait, however far the rest is.
    expect(queue.start(60)).toEqual([]);
    queue.scheduler.settled(batch!, rejected, 61);
    expect(queue.start(61)).toEqual(['4']);
  });
});

describe('retries', () => {
  test('after the last try, or past the deadline, a record is rejected', () => {
    const few = new Queue({ retriesMax: 1 });
    few.add(0, 'a/1');
    const [it] = few.take(0);
    expect(few.scheduler.ended(it!, failed({}), 0)).toEqual([]);
    few.take(100);
    expect(few.scheduler.ended(it!, failed({}), 100)).toHaveLength(1);

    const short = new Queue({ retriesEndAfterMs: 1000 });
    short.add(0, 'a/1');
    const [late] = short.take(0);
    expect(short.scheduler.ended(late!, failed({ retryAfterMs: 900 }), 100)).toEqual([]);
    short.take(1000);
    expect(short.scheduler.ended(late!, failed({}), 1000)).toHaveLength(1);
  });

  test('Retry-After of 429 and 503 holds the whole host, of others the message alone', () => {
    const queue = new Queue();
    queue.add(0, 'a/1', 'b/2');
    const [a, b] = queue.take(0);
    queue.scheduler.ended(a!, failed({ retryAfterMs: 5000, host: 'ok' }), 0);
    queue.add(0, 'c/3');
    expect(queue.start(0)).toEqual(['3']);
    queue.scheduler.ended(b!, failed({ retryAfterMs: 3000, host: 'throttled' }), 0);
    queue.add(0, 'd/4', 'e@g@elsewhere/5');
    expect(queue.start(0)).toEqual(['5']);
    expect(queue.scheduler.wakeAtMs).toBe(3000);
    expect(queue.start(3000).sort()).toEqual(['2', '4']);
    expect(queue.start(5000)).toEqual(['1']);
  });
});

describe('limits of a host', () => {
  test('a rate is kept, after a burst', () => {
    const queue = new Queue({ host: { ratePerSecond: 10, rateBurst: 2 }, concurrentMax: 100 });
    queue.add(0, '/1', '/2', '/3', '/4');
    expect(queue.start(0)).toEqual(['1', '2']);
    expect(queue.scheduler.wakeAtMs).toBe(100);
    expect(queue.start(99)).toEqual([]);
    expect(queue.start(100)).toEqual(['3']);
    expect(queue.start(200)).toEqual(['4']);
  });

  test('429 halves the concurrency once for all requests of a time; successes raise it again', () => {
    const queue = new Queue({ host: { concurrentMax: 8 } });
    queue.add(0, ...Array.from({ length: 100 }, (_, i) => `/${i}`));
    const first = queue.take(0);
    expect(first).toHaveLength(8);
    for (const it of first) queue.scheduler.ended(it, failed({ host: 'throttled', kind: 'permanent' }), 1);
    expect(queue.take(1)).toHaveLength(4);
  });

  test('the breaker opens after failures in a row, lets one request try, and doubles its time', () => {
    const queue = new Queue({ host: { breakerFailures: 3, breakerOpenMs: 1000, breakerOpenMaxMs: 1500 } });
    queue.add(0, 'a/1', 'b/2', 'c/3');
    for (const it of queue.take(0)) queue.scheduler.ended(it, failed({ host: 'down' }), 1);
    expect(queue.scheduler.isHostOpen('h')).toBe(true);
    // Random is one half: three quarters of the time.
    expect(queue.start(750)).toEqual([]);
    const probe = queue.take(751);
    expect(probe).toHaveLength(1);
    queue.scheduler.ended(probe[0]!, failed({ host: 'down' }), 760);
    expect(queue.start(1884)).toEqual([]);
    const second = queue.take(1885);
    expect(second).toHaveLength(1);
    queue.scheduler.ended(second[0]!, DELIVERED, 1890);
    expect(queue.scheduler.isHostOpen('h')).toBe(false);
    expect(queue.take(1890)).toHaveLength(2);
  });

  test('a host that is held does not hold another', () => {
    const queue = new Queue({ host: { concurrentMax: 1 } });
    queue.add(0, 'a@g@slow/1', 'b@g@slow/2', 'c@g@fast/3', 'd@g@fast/4');
    const started = queue.take(0);
    expect(started.map(textOf)).toEqual(['1', '3']);
    queue.scheduler.ended(started[1]!, DELIVERED, 1);
    expect(queue.start(1)).toEqual(['4']);
  });
});

test('whatever happens: lanes are never in two messages at once, nothing is sent of what was given up, records keep their order, the committable offset is the first one open, and all ends', () => {
  const action = fc.record({ partition: fc.nat(1), lane: fc.constantFrom('', 'a', 'b', 'c', 'd'), group: fc.constantFrom('g', 'h'), host: fc.constantFrom('x', 'y'), gapMs: fc.nat(40), forgets: fc.nat(9).map((it) => it === 0) });
  const scenario = fc.record({
    items: fc.array(action, { maxLength: 60 }),
    outcomes: fc.array(fc.constantFrom('ok', 'ok', 'ok', 'transient', 'throttled', 'down', 'permanent', 'too-large', 'aborted', 'itemized'), { minLength: 1, maxLength: 40 }),
    durations: fc.array(fc.nat(120), { minLength: 1, maxLength: 20 }),
    itemsMax: fc.integer({ min: 1, max: 5 }),
    lingerMs: fc.constantFrom(0, 30),
    concurrentMax: fc.integer({ min: 1, max: 4 }),
    breakerFailures: fc.constantFrom(0, 2),
    ratePerSecond: fc.constantFrom(null, 50),
  });
  fc.assert(
    fc.property(scenario, (it) => {
      new Run(it).play();
    }),
    { numRuns: 150 },
  );
});

interface Scenario {
  readonly items: readonly { readonly partition: number; readonly lane: string; readonly group: string; readonly host: string; readonly gapMs: number; readonly forgets: boolean }[];
  readonly outcomes: readonly string[];
  readonly durations: readonly number[];
  readonly itemsMax: number;
  readonly lingerMs: number;
  readonly concurrentMax: number;
  readonly breakerFailures: number;
  readonly ratePerSecond: number | null;
}

/** A scenario on a clock of its own. */
class Run {
  private nowMs = 0;
  private readonly scheduler: Scheduler;
  private readonly partitions = [0, 1].map((it) => new PartitionProgress<string>('t', it));
  private readonly all: MessageItem<string>[] = [];
  private readonly events: { atMs: number; run: () => void }[] = [];
  private readonly running = new Map<Message<string>, readonly MessageItem<string>[]>();
  private readonly lastByLane = new Map<string, number>();
  private readonly deliveredOnce = new Set<MessageItem<string>>();
  private attempts = 0;

  constructor(private readonly scenario: Scenario) {
    const { itemsMax, lingerMs, concurrentMax, breakerFailures, ratePerSecond } = scenario;
    this.scheduler = new MessageScheduler(setting({ concurrentMax, retriesMax: 6, batch: { itemsMax, lingerMs, bytesMax: 1000, oneOfLane: scenario.outcomes.includes('itemized') }, host: { concurrentMax, breakerFailures, ratePerSecond, rateBurst: 2 } }));
  }

  play(): void {
    let atMs = 0;
    this.scenario.items.forEach((item, index) => {
      atMs += item.gapMs;
      this.events.push({ atMs, run: () => this.add(item, index) });
    });
    for (let steps = 0; ; steps++) {
      if (steps > 5000) throw new Error('it does not end');
      for (let it = this.scheduler.next(this.nowMs); it; it = this.scheduler.next(this.nowMs)) this.started(it);
      this.check();
      const wakeMs = this.scheduler.wakeAtMs ?? Infinity;
      if (wakeMs <= this.nowMs) throw new Error('it wakes for nothing');
      this.events.sort((a, b) => a.atMs - b.atMs);
      const event = this.events[0];
      if (event === undefined && wakeMs === Infinity) break;
      this.nowMs = Math.min(event?.atMs ?? Infinity, wakeMs);
      if (event && event.atMs <= this.nowMs) {
        this.events.shift();
        event.run();
      }
    }
    expect([this.scheduler.pendingItems, this.scheduler.pendingBytes, this.scheduler.inFlight]).toEqual([0, 0, 0]);
    expect(this.all.filter((it) => !it.isDone && !it.isDropped)).toEqual([]);
    expect(this.partitions.map((it) => it.lanes.size)).toEqual([0, 0]);
  }

  private add({ partition, lane, group, host, forgets }: Scenario['items'][number], index: number): void {
    const progress = this.partitions[partition]!;
    if (forgets) {
      this.scheduler.forget(progress);
      // The driver waits for what it aborts before it goes on; a request that cannot be stopped is the sender's to fence.
      for (const [message, items] of this.running) if (items.some((it) => it.isDropped)) this.end(message, failed({ kind: 'aborted', host: 'neutral' }));
    }
    const item = new MessageItem('p', { progress, offset: index, laneKey: lane === '' ? null : lane, groupKey: `${host}${group}`, hostKey: host, bytes: 1 });
    this.all.push(item);
    this.scheduler.add(item, this.nowMs);
  }

  private started(message: Message<string>): void {
    const { items } = message;
    expect(items.length).toBeLessThanOrEqual(this.scenario.itemsMax);
    expect(new Set(items.map((it) => it.place.groupKey)).size).toBe(1);
    expect(items.filter((it) => it.isDropped)).toEqual([]);
    const lanes = new Set(items.flatMap((it) => laneOf(it) ?? []));
    for (const others of this.running.values()) for (const it of others) if (lanes.has(laneOf(it) ?? '')) throw new Error(`${laneOf(it)} is in two requests`);
    expect(this.running.size).toBeLessThan(this.scenario.concurrentMax);
    const sent = [...items];
    this.running.set(message, sent);
    const number = this.attempts++;
    const kind = number > 150 ? 'ok' : (this.scenario.outcomes[number % this.scenario.outcomes.length] ?? 'ok');
    this.events.push({ atMs: this.nowMs + (this.scenario.durations[number % this.scenario.durations.length] ?? 0), run: () => this.running.get(message) === sent && this.end(message, outcomeOf(kind, sent.length, number)) });
  }

  private end(message: Message<string>, outcome: Outcome): void {
    const items = this.running.get(message) ?? [];
    this.running.delete(message);
    items.forEach((item, index) => {
      const isAccepted = outcome.kind === 'delivered' || (outcome.kind === 'itemized' && outcome.results[index] === null);
      if (isAccepted) this.accepted(item);
    });
    const rejected = this.scheduler.ended(message, outcome, this.nowMs);
    if (rejected.length > 0) this.events.push({ atMs: this.nowMs + 7, run: () => this.scheduler.settled(message, rejected, this.nowMs) });
  }

  private accepted(item: MessageItem<string>): void {
    expect([item.isDropped, this.deliveredOnce.has(item)]).toEqual([false, false]);
    this.deliveredOnce.add(item);
    const lane = laneOf(item);
    if (lane === undefined) return;
    const { offset } = item.place;
    if (offset <= (this.lastByLane.get(lane) ?? -1)) throw new Error(`${lane}: ${offset} after ${this.lastByLane.get(lane)}`);
    this.lastByLane.set(lane, offset);
  }

  private check(): void {
    for (const progress of this.partitions) {
      const open = this.all.filter((it) => it.place.progress === progress && !it.isDone && !it.isDropped).map((it) => it.place.offset);
      const committable = progress.committable(1000);
      if (committable !== Math.min(1000, ...open)) throw new Error(`committable is ${committable}, open are ${open.join()}`);
    }
  }
}

function laneOf({ place: { laneKey, progress } }: MessageItem<string>): string | undefined {
  return laneKey === null ? undefined : `${progress.partition}/${laneKey}`;
}

function outcomeOf(kind: string, items: number, seed: number): Outcome {
  const failure = (name: string): Failure => ({ kind: name === 'permanent' || name === 'too-large' || name === 'aborted' ? name : 'transient', error: new Error(name), host: name === 'throttled' || name === 'down' ? name : name === 'aborted' ? 'neutral' : 'ok', ...(name === 'throttled' && { retryAfterMs: 80 }) });
  if (kind === 'ok') return DELIVERED;
  if (kind === 'itemized') return { kind: 'itemized', results: Array.from({ length: items }, (_, i) => ((i + seed) % 3 === 0 ? failure('transient') : (i + seed) % 3 === 1 ? failure('permanent') : null)) };
  return { kind: 'failed', failure: failure(kind) };
}
