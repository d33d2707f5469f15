import fc from 'fast-check';
import { decodeConfigRecord, encodeConfigKey, encodeConfigValue, type ConfigRecord } from './config-records.js';
import { ConfigState } from './config-state.js';
import { decodeOffsetKey, decodeOffsetMap, encodeOffsetKey, encodeOffsetMap } from './offset-json.js';
import { decodeStatusRecord, encodeStatusKey, encodeStatusValue, type Status, type StatusRecord } from './status-records.js';
import { StatusState } from './status-state.js';

const name = fc.string({ minLength: 1, maxLength: 12 });
const props = fc.dictionary(fc.string({ maxLength: 6 }).filter((it) => it !== '__proto__'), fc.string({ maxLength: 6 }));
const nullable = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(value, { nil: null });

describe('config records', () => {
  it('read back what was written', () => {
    const records: fc.Arbitrary<ConfigRecord> = fc.oneof(
      fc.record({ kind: fc.constant('connector' as const), connector: name, value: nullable(props) }),
      fc.record({ kind: fc.constant('task' as const), id: fc.record({ connector: name, task: fc.nat(99) }), value: nullable(props) }),
      fc.record({ kind: fc.constant('commit' as const), connector: name, value: fc.nat(99) }),
      fc.record({ kind: fc.constant('target-state' as const), connector: name, value: nullable(fc.constantFrom('STARTED' as const, 'PAUSED' as const, 'STOPPED' as const)) }),
      fc.record({ kind: fc.constant('session-key' as const), value: fc.record({ key: fc.base64String(), algorithm: fc.constant('HmacSHA256'), creationTimestampMs: fc.nat() }) }),
    );
    fc.assert(fc.property(records, (record) => expect(decodeConfigRecord(encodeConfigKey(record), encodeConfigValue(record))).toEqual(record)));
  });

  it('have the text of Java workers', () => {
    expect(encodeConfigValue({ kind: 'target-state', connector: 'c', value: 'STOPPED' })).toBe('{"state":"PAUSED","state.v2":"STOPPED"}');
    expect(encodeConfigValue({ kind: 'connector', connector: 'c', value: { a: 'b' } })).toBe('{"properties":{"a":"b"}}');
    expect(decodeConfigRecord('target-state-c', '{"state":"PAUSED"}')).toEqual({ kind: 'target-state', connector: 'c', value: 'PAUSED' });
    expect(decodeConfigRecord('task-my-conn-3', '{"properties":{}}')).toMatchObject({ id: { connector: 'my-conn', task: 3 } });
    expect(decodeConfigRecord('logger-cluster-x', '{"level":"DEBUG"}')).toEqual({ kind: 'logger', logger: 'x', value: 'DEBUG' });
  });
});

describe('ConfigState', () => {
  const apply = (state: ConfigState, ...records: ConfigRecord[]): void => records.forEach((it) => void state.apply(it));
  const task = (n: number, value: Record<string, string> = {}): ConfigRecord => ({ kind: 'task', id: { connector: 'c', task: n }, value });

  it('shows task configs only behind their commit', () => {
    const state = new ConfigState();
    apply(state, { kind: 'connector', connector: 'c', value: { x: '1' } }, task(0, { a: '1' }), task(1));
    expect(state.tasks('c')).toEqual([]);
    apply(state, { kind: 'commit', connector: 'c', value: 2 });
    expect(state.tasks('c').length).toBe(2);
    expect(state.taskConfig({ connector: 'c', task: 0 })).toEqual({ a: '1' });
    expect(state.appliedConfig('c')).toEqual({ x: '1' });
  });

  it('has no tasks for a commit whose task configs were compacted away, until they are made anew', () => {
    const state = new ConfigState();
    apply(state, { kind: 'connector', connector: 'c', value: {} }, task(1), { kind: 'commit', connector: 'c', value: 2 });
    expect([state.isInconsistent('c'), state.taskCount('c')]).toEqual([true, 0]);
    apply(state, task(0), task(1), { kind: 'commit', connector: 'c', value: 2 });
    expect([state.isInconsistent('c'), state.taskCount('c')]).toEqual([false, 2]);
  });

  it('ignores task configs that a deleted connector left behind', () => {
    const state = new ConfigState();
    apply(state, task(0), { kind: 'commit', connector: 'c', value: 1 });
    expect(state.work()).toEqual({ connectors: [], tasks: [] });
    apply(state, { kind: 'connector', connector: 'c', value: {} });
    expect(state.tasks('c')).toEqual([]);
  });
});

describe('status records', () => {
  const status = (over: Partial<Status>): Status => ({ state: 'RUNNING', trace: null, workerId: 'w1:1', generation: 4, version: '4.4.0', ...over });

  it('have the text of Java workers', () => {
    const record: StatusRecord = { kind: 'task', id: { connector: 'a-b', task: 3 }, value: status({}) };
    expect([encodeStatusKey(record), encodeStatusValue(record)]).toEqual(['status-task-a-b-3', '{"state":"RUNNING","trace":null,"worker_id":"w1:1","generation":4,"version":"4.4.0"}']);
    expect(decodeStatusRecord('status-task-a-b-3', encodeStatusValue(record))).toEqual(record);
    const topic: StatusRecord = { kind: 'topic', connector: 'c1', topic: 'orders', value: { topic: 'orders', connector: 'c1', task: 0, discoveredMs: 1700000000000 } };
    expect([encodeStatusKey(topic), encodeStatusValue(topic)]).toEqual(['status-topic-orders:connector-c1', '{"topic":{"name":"orders","connector":"c1","task":0,"discoverTimestamp":1700000000000}}']);
    expect(decodeStatusRecord('status-topic-orders:connector-c1', encodeStatusValue(topic))).toEqual(topic);
    expect(decodeStatusRecord('status-connector-c', '{"state":"RUNNING","worker_id":"x:1","generation":1}')).toMatchObject({ value: { trace: null, version: null } });
  });

  it('let no late UNASSIGNED of another worker hide that the work runs', () => {
    const state = new StatusState();
    state.apply({ kind: 'connector', connector: 'c', value: status({ workerId: 'w2:1', generation: 5 }) });
    state.apply({ kind: 'connector', connector: 'c', value: status({ state: 'UNASSIGNED', generation: 4 }) });
    expect(state.connector('c')?.state).toBe('RUNNING');
    expect(state.isSafeToWrite({ kind: 'connector', connector: 'c', value: status({ state: 'FAILED', generation: 4 }) })).toBe(false);
    expect(state.isSafeToWrite({ kind: 'connector', connector: 'c', value: status({ state: 'FAILED', generation: 6 }) })).toBe(true);
  });
});

describe('offset JSON', () => {
  const primitive = fc.oneof(fc.string(), fc.maxSafeInteger(), fc.boolean(), fc.constant(null), fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n - 1n }));
  const maps = fc.dictionary(fc.string({ maxLength: 8 }).filter((it) => it !== '__proto__' && !/^\d+$/.test(it)), primitive, { maxKeys: 5 });

  it('reads back what it wrote, in the same order', () => {
    fc.assert(
      fc.property(name, maps, (connector, map) => {
        const key = encodeOffsetKey(connector, map);
        const decoded = decodeOffsetKey(key);
        expect(decoded?.connector).toBe(connector);
        expect(Object.entries(decoded?.partition ?? {})).toEqual(Object.entries(map));
        expect(Buffer.from(encodeOffsetKey(connector, decoded?.partition ?? {})).equals(Buffer.from(key))).toBe(true);
        expect(Object.entries(decodeOffsetMap(encodeOffsetMap(map)) ?? {})).toEqual(Object.entries(map));
      }),
    );
  });

  it('has the text of Java workers', () => {
    expect(Buffer.from(encodeOffsetKey('inventory', { server: 'db' })).toString()).toBe('["inventory",{"server":"db"}]');
    expect(Buffer.from(encodeOffsetMap({ lsn: 24023128, txId: 9007199254740993n, f: 1.5, last: true, none: null })).toString()).toBe('{"lsn":24023128,"txId":9007199254740993,"f":1.5,"last":true,"none":null}');
    expect(decodeOffsetKey(Buffer.from('["x",[1]]'))).toBeUndefined();
    expect(decodeOffsetMap(Buffer.from('{"a":{"b":1}}'))).toBeUndefined();
    expect(() => encodeOffsetMap({ a: { b: 1 } } as never)).toThrow(/primitive/);
  });
});
