import type { Document } from 'mongodb';
import { seen, World } from '../test/world.js';

type Numbered = Document & { _id: number };
const onlyDouble = World.isReal ? it.skip : it;

describe('the task', () => {
  let world: World;
  const orders = () => world.db.collection<Numbered>('orders');
  afterEach(() => world.end());

  it('reads what is there, then what changes', async () => {
    world = await World.start();
    await orders().insertMany([{ _id: 1 }, { _id: 2 }]);
    await world.db.collection<Numbered>('a').insertOne({ _id: 7 });
    const driver = await world.task();
    const snapshot = (await driver.take(3)).map(seen);
    expect(snapshot.map((it) => [it.topic, it.op, it.id, it.snapshot])).toEqual([['ref.shop.a', 'r', '7', 'true'], ['ref.shop.orders', 'r', '1', 'true'], ['ref.shop.orders', 'r', '2', 'last']]);
    await orders().updateOne({ _id: 1 }, { $set: { v: 1 } });
    await orders().deleteOne({ _id: 2 });
    expect((await driver.take(3)).map(seen)).toMatchObject([{ op: 'u', id: '1', after: { _id: 1, v: 1 } }, { op: 'd', id: '2', after: null }, { op: null, id: '2' }]);
    expect(driver.task.lag()!.milliseconds).toBeGreaterThanOrEqual(0);
  });

  it('goes on behind a stored offset, without a gap and without a second record', async () => {
    world = await World.start();
    let driver = await world.task();
    await driver.until(() => driver.commitQuiet());
    for (let _id = 0; _id < 50; _id++) await orders().insertOne({ _id });
    const first = await driver.take(20);
    driver.commit(first[19]!);
    const { stored } = driver;
    await driver.stop();
    driver = await world.task({}, { offset: stored });
    expect((await driver.take(30)).map((it) => seen(it).id)).toEqual(Array.from({ length: 30 }, (_, i) => String(20 + i)));
  });

  it('stores the position of a quiet stream, and goes on from it', async () => {
    world = await World.start();
    let driver = await world.task();
    await driver.until(() => driver.commitQuiet());
    const before = driver.stored!;
    expect(before).toEqual({ sec: -1, ord: -1, resume_token: expect.any(String) });
    await world.client.db('elsewhere').collection('noise').insertOne({});
    await driver.until(() => driver.commitQuiet());
    expect(driver.stored).not.toEqual(before);
    expect(driver.commitQuiet()).toBe(false);
    await driver.stop();
    await orders().insertOne({ _id: 1 });
    driver = await world.task({}, { offset: driver.stored });
    expect((await driver.take(1)).map((it) => seen(it).op)).toEqual(['c']);
  });

  it('begins an interrupted snapshot anew', async () => {
    world = await World.start();
    await orders().insertMany(Array.from({ length: 10 }, (_, _id) => ({ _id })));
    let driver = await world.task({ 'snapshot.fetch.size': '2', 'max.batch.size': '3' });
    const part = await driver.take(3);
    driver.commit(part[2]!);
    expect(driver.stored).toMatchObject({ initsync: true });
    await driver.stop();
    await orders().deleteOne({ _id: 0 });
    driver = await world.task({}, { offset: driver.stored });
    const again = (await driver.take(9)).map(seen);
    expect(again.map((it) => it.op)).toEqual(Array(9).fill('r'));
    expect(again[8]!.snapshot).toBe('last');
    await driver.stop();
    const never = await world.task({ 'snapshot.mode': 'no_data' }, { offset: driver.stored });
    await expect(never.until(() => false, 5000)).rejects.toThrow('never to take one');
  });

  it('misses nothing that happens while the snapshot is read', async () => {
    world = await World.start();
    await orders().insertMany(Array.from({ length: 100 }, (_, _id) => ({ _id })));
    const driver = await world.task({ 'snapshot.fetch.size': '5', 'max.batch.size': '5', 'snapshot.max.threads': '3' });
    const records = await driver.take(5);
    for (let _id = 100; _id < 120; _id++) await orders().insertOne({ _id });
    await orders().updateMany({ _id: { $lt: 3 } }, { $set: { changed: true } });
    const last = new Map<string, unknown>();
    const isComplete = (): boolean => last.size === 120 && [0, 1, 2].every((id) => (last.get(String(id)) as Document).changed);
    await driver.until((more) => {
      for (const it of [...records, ...more].map(seen)) last.set(it.id, it.after);
      return isComplete();
    });
  });

  it('reads several collections at a time, and parts of them', async () => {
    world = await World.start();
    for (const name of ['a', 'b', 'c', 'd']) await world.db.collection<Numbered>(name).insertMany(Array.from({ length: 30 }, (_, _id) => ({ _id, odd: _id % 2 === 1 })));
    const driver = await world.task({
      'snapshot.max.threads': '3',
      'snapshot.include.collection.list': 'shop[.][abc]',
      'snapshot.collection.filter.overrides': 'shop.b',
      'snapshot.collection.filter.overrides.shop.b': '{"odd": true, "_id": {"$lt": 9}}',
    });
    const records = (await driver.take(64)).map(seen);
    const count = (topic: string): number => records.filter((it) => it.topic === topic).length;
    expect(['a', 'b', 'c', 'd'].map((it) => count(`ref.shop.${it}`))).toEqual([30, 4, 30, 0]);
    expect(records.filter((it) => it.snapshot === 'last')).toHaveLength(1);
    expect(records[63]!.snapshot).toBe('last');
  });

  it('knows the modes of snapshots', async () => {
    world = await World.start();
    await orders().insertOne({ _id: 1 });
    const only = await world.task({ 'snapshot.mode': 'initial_only' });
    only.commit((await only.take(1))[0]!);
    await orders().insertOne({ _id: 2 });
    expect(await only.poll()).toEqual([]);
    const always = await world.task({ 'snapshot.mode': 'always' }, { offset: only.stored });
    expect((await always.take(2)).map((it) => seen(it).op)).toEqual(['r', 'r']);
    const none = await world.task({ 'snapshot.mode': 'no_data' });
    await none.until(() => none.commitQuiet());
    await orders().insertOne({ _id: 3 });
    expect((await none.take(1)).map((it) => [seen(it).op, seen(it).id])).toEqual([['c', '3']]);
  });

  it('begins at a time when it is told to', async () => {
    world = await World.start();
    await orders().insertOne({ _id: 1 });
    const { operationTime } = (await world.client.db('admin').command({ ping: 1 })) as { operationTime: { t: number; i: number } };
    await orders().insertOne({ _id: 2 });
    const time = (BigInt(operationTime.t) << 32n) + BigInt(operationTime.i) + 1n;
    const driver = await world.task({ 'snapshot.mode': 'no_data', 'capture.start.op.time': String(time) });
    expect((await driver.take(1)).map((it) => seen(it).id)).toEqual(['2']);
  });

  it('goes on when its collection is dropped or renamed', async () => {
    world = await World.start();
    await orders().insertOne({ _id: 1 });
    const driver = await world.task({ 'capture.scope': 'collection', 'capture.target': 'shop.orders', 'snapshot.mode': 'no_data' });
    await driver.until(() => driver.commitQuiet());
    await orders().insertOne({ _id: 2 });
    await orders().drop();
    await orders().insertOne({ _id: 3 });
    await orders().rename('moved');
    await orders().insertOne({ _id: 4 });
    expect((await driver.take(3)).map((it) => seen(it).id)).toEqual(['2', '3', '4']);
    await driver.until(() => driver.commitQuiet());
    const again = await world.task({ 'capture.scope': 'collection', 'capture.target': 'shop.orders' }, { offset: driver.stored });
    await orders().insertOne({ _id: 5 });
    expect((await again.take(1)).map((it) => seen(it).id)).toEqual(['5']);
  });

  it('sends heartbeats with the position', async () => {
    world = await World.start();
    const driver = await world.task({ 'heartbeat.interval.ms': '50' });
    const [first] = await driver.until((records) => records.length > 0);
    expect(first!.topic).toBe('__debezium-heartbeat.ref');
    expect(first!.sourceOffset).toEqual({ sec: -1, ord: -1, resume_token: expect.any(String) });
    await orders().insertOne({ _id: 1 });
    const again = await world.task({}, { offset: first!.sourceOffset });
    expect((await again.take(1)).map((it) => seen(it).id)).toEqual(['1']);
  });

  it('gives a delete with a tombstone the new position only behind both', async () => {
    world = await World.start();
    let driver = await world.task({ 'snapshot.mode': 'no_data' });
    await driver.until(() => driver.commitQuiet());
    await orders().insertOne({ _id: 1 });
    await orders().deleteOne({ _id: 1 });
    const records = await driver.take(3);
    driver.commit(records[1]!);
    await driver.stop();
    driver = await world.task({}, { offset: driver.stored });
    expect((await driver.take(2)).map((it) => seen(it).op)).toEqual(['d', null]);
  });

  onlyDouble('puts events together that the server has split', async () => {
    world = await World.start({ eventBytesMax: 5000 });
    await world.db.createCollection('big', { changeStreamPreAndPostImages: { enabled: true } });
    const settings = { 'cursor.oversize.handling.mode': 'split', 'capture.mode': 'change_streams_update_full_with_pre_image', 'capture.mode.full.update.type': 'post_image', 'snapshot.mode': 'no_data' };
    const driver = await world.task(settings);
    await driver.until(() => driver.commitQuiet());
    await world.db.collection<Numbered>('big').insertOne({ _id: 1, text: 'x'.repeat(3000) });
    await world.db.collection<Numbered>('big').updateOne({ _id: 1 }, { $set: { n: 1 } });
    await world.db.collection<Numbered>('big').insertOne({ _id: 2 });
    const records = (await driver.take(3)).map(seen);
    expect(records.map((it) => [it.op, it.id])).toEqual([['c', '1'], ['u', '1'], ['c', '2']]);
    expect([records[1]!.before!.text, records[1]!.after!.n]).toEqual(['x'.repeat(3000), 1]);
  });

  onlyDouble('says what to do about an event that is too large, or leaves it out', async () => {
    world = await World.start({ eventBytesMax: 3000 });
    const failing = await world.task({ 'snapshot.mode': 'no_data' });
    await failing.until(() => failing.commitQuiet());
    await orders().insertOne({ _id: 1, text: 'x'.repeat(4000) });
    await expect(failing.until(() => false, 5000)).rejects.toThrow(/cursor.oversize.handling.mode to split/);
    const skipping = await world.task({ 'cursor.oversize.handling.mode': 'skip', 'cursor.oversize.skip.threshold': '1000' }, { offset: failing.stored });
    await orders().insertOne({ _id: 2 });
    expect((await skipping.take(1)).map((it) => seen(it).id)).toEqual(['2']);
  });

  describe('when the history is lost', () => {
    async function lose(): Promise<{ offset: Record<string, unknown> }> {
      world = await World.start();
      await orders().insertOne({ _id: 1 });
      const driver = await world.task({ 'snapshot.mode': 'no_data' });
      await driver.until(() => driver.commitQuiet());
      await driver.stop();
      await orders().insertOne({ _id: 2 });
      world.double.forgetOplog();
      return { offset: driver.stored as Record<string, unknown> };
    }

    onlyDouble('fails, and says what to do', async () => {
      const { offset } = await lose();
      const driver = await world.task({}, { offset: offset as never });
      await expect(driver.until(() => false, 5000)).rejects.toThrow(/no longer in the server's log \(error 286.*snapshot.mode=when_needed.*delete its offsets/);
    });

    onlyDouble('takes a new snapshot with when_needed', async () => {
      const { offset } = await lose();
      const driver = await world.task({ 'snapshot.mode': 'when_needed' }, { offset: offset as never });
      expect((await driver.take(2)).map((it) => [seen(it).op, seen(it).id])).toEqual([['r', '1'], ['r', '2']]);
      await orders().insertOne({ _id: 3 });
      expect((await driver.take(1)).map((it) => seen(it).op)).toEqual(['c']);
    });

    onlyDouble('fails also when it is lost while streaming', async () => {
      world = await World.start();
      const driver = await world.task({ 'snapshot.mode': 'no_data' });
      await driver.until(() => driver.commitQuiet());
      world.double.failCommands({ commands: ['getMore'], times: 1, errorCode: 286 });
      await expect(driver.until(() => false, 5000)).rejects.toThrow(/snapshot.mode=when_needed/);
    });
  });

  describe('when the server is in trouble', () => {
    const steps: [string, (world: World) => Promise<void> | void][] = [
      ['connections are cut', (it) => it.double.cutConnections()],
      ['it restarts', (it) => it.double.restart()],
      ['it steps down', (it) => it.double.failCommands({ commands: ['getMore'], times: 1, errorCode: 10107 })],
      ['its cursors are gone', (it) => it.double.loseCursors()],
      ['opening the stream fails', (it) => {
        it.double.failCommands({ commands: ['aggregate'], times: 2, errorCode: 11600 });
        it.double.cutConnections();
      }],
      ['it is slow', (it) => it.double.slowDown(60)],
    ];
    it.each(World.isReal ? [] : steps)('goes on when %s', async (_name, trouble) => {
      world = await World.start();
      const driver = await world.task({ 'snapshot.mode': 'no_data' });
      await driver.until(() => driver.commitQuiet());
      const writing = (async () => {
        for (let _id = 0; _id < 60; _id++) {
          await world.insert('orders', { _id });
          if (_id === 30) await trouble(world);
        }
      })();
      const ids = (await driver.take(60)).map((it) => Number(seen(it).id));
      expect(ids).toEqual(Array.from({ length: 60 }, (_, i) => i));
      await writing;
    });

    onlyDouble('waits for a server that is not there yet, and fails after errors.max.retries', async () => {
      world = await World.start();
      await world.double.stop();
      const patient = await world.task({ 'mongodb.server.selection.timeout.ms': '200' });
      const records = patient.until((it) => it.length > 0);
      const impatient = await world.task({ 'mongodb.server.selection.timeout.ms': '100', 'errors.max.retries': '2' });
      await expect(impatient.until(() => false, 10_000)).rejects.toThrow('2 attempts to get it back failed');
      await world.double.restart();
      await orders().insertOne({ _id: 1 });
      expect((await records).map((it) => seen(it).id)).toContain('1');
    });

    onlyDouble('begins the snapshot anew when it breaks', async () => {
      world = await World.start();
      await orders().insertMany(Array.from({ length: 300 }, (_, _id) => ({ _id })));
      world.double.failCommands({ commands: ['getMore'], times: 1, closesConnection: true });
      const driver = await world.task({ 'snapshot.fetch.size': '50' });
      const records = await driver.until((it) => it.some((one) => seen(one).snapshot === 'last'));
      expect(new Set(records.map((it) => seen(it).id)).size).toBe(300);
      expect(driver.retried.length).toBeGreaterThan(0);
    });
  });

  onlyDouble('fails with what the user lacks', async () => {
    world = await World.start();
    world.double.failCommands({ commands: ['aggregate'], errorCode: 13 });
    const driver = await world.task();
    await expect(driver.until(() => false, 5000)).rejects.toThrow(/it needs read/);
  });

  describe('signals', () => {
    const ids = (records: readonly { readonly op: string | null; readonly id: string }[], op: string): string[] => records.filter((it) => it.op === op).map((it) => it.id);

    it('read collections anew beside the stream, and tell about it', async () => {
      world = await World.start();
      const mixed: unknown[] = [...Array.from({ length: 24 }, (_, i) => i), 'text', true, new Date(5)];
      await world.db.collection('orders').insertMany(mixed.map((_id) => ({ _id }) as Document));
      const driver = await world.task({ 'snapshot.mode': 'no_data', 'incremental.snapshot.chunk.size': '5', 'notification.enabled.channels': 'sink', 'notification.sink.topic.name': 'told' });
      await driver.until(() => driver.commitQuiet());
      await driver.task.onSignal({ id: 's1', type: 'execute-snapshot', data: { type: 'INCREMENTAL', 'data-collections': ['shop[.]ord.*'] } });
      const records = await driver.until((all) => all.some((it) => it.topic === 'told' && told(it).type === 'COMPLETED'));
      const reads = records.filter((it) => it.topic === 'ref.shop.orders').map(seen);
      expect(reads.every((it) => it.op === 'r' && it.snapshot === 'incremental')).toBe(true);
      expect(reads).toHaveLength(27);
      expect(new Set(reads.map((it) => it.id)).size).toBe(27);
      const notes = records.filter((it) => it.topic === 'told').map(told);
      expect(notes.map((it) => it.type)).toEqual(['STARTED', ...Array(6).fill('IN_PROGRESS'), 'TABLE_SCAN_COMPLETED', 'COMPLETED']);
      expect(notes.every((it) => it.id === 's1' && it.aggregate_type === 'Incremental Snapshot')).toBe(true);
      expect(notes[7]!.additional_data).toMatchObject({ scanned_collection: 'shop.orders', total_rows_scanned: '27', status: 'SUCCEEDED', connector_name: 'ref' });
    });

    it('never hand over an older document behind a newer change', async () => {
      world = await World.start();
      await orders().insertMany(Array.from({ length: 200 }, (_, _id) => ({ _id, v: 0 })));
      const driver = await world.task({ 'snapshot.mode': 'no_data', 'incremental.snapshot.chunk.size': '20', 'capture.mode.full.update.type': 'lookup' });
      await driver.until(() => driver.commitQuiet());
      let isWriting = true;
      const last = new Map<string, number>();
      const writing = (async () => {
        for (let v = 1; isWriting; v++) await orders().updateOne({ _id: (v * 37) % 200 }, { $set: { v } });
      })();
      await driver.task.onSignal({ id: 's', type: 'execute-snapshot', data: { 'data-collections': ['shop.orders'] } });
      let reads = 0;
      let isOlder = false;
      await driver.until((records) => {
        for (const it of records.splice(0).map(seen)) {
          const v = it.after!.v as number;
          if (v < (last.get(it.id) ?? 0)) isOlder = true;
          last.set(it.id, v);
          if (it.op === 'r') reads += 1;
        }
        return last.size === 200 && reads > 50;
      });
      isWriting = false;
      await writing;
      expect(isOlder).toBe(false);
    }, 60_000);

    it('go on after a restart, can be paused and stopped', async () => {
      world = await World.start();
      await orders().insertMany(Array.from({ length: 40 }, (_, _id) => ({ _id })));
      const settings = { 'snapshot.mode': 'no_data', 'incremental.snapshot.chunk.size': '10' };
      let driver = await world.task(settings);
      await driver.until(() => driver.commitQuiet());
      await driver.task.onSignal({ id: 's', type: 'execute-snapshot', data: { 'data-collections': ['shop.orders'], 'additional-conditions': [{ 'data-collection': 'shop.orders', filter: '{"_id": {"$ne": 39}}' }] } });
      const first = await driver.take(20);
      driver.commit(first[19]!);
      await driver.stop();
      driver = await world.task(settings, { offset: driver.stored });
      const rest = (await driver.take(19)).map(seen);
      expect(ids(rest, 'r')).toEqual(Array.from({ length: 19 }, (_, i) => String(20 + i)));
      await driver.task.onSignal({ id: 't', type: 'execute-snapshot', data: { 'data-collections': ['shop.orders'] } });
      await driver.task.onSignal({ id: 't', type: 'pause-snapshot', data: null });
      await orders().insertOne({ _id: 100 });
      expect(ids((await driver.until((it) => it.some((one) => seen(one).op === 'c'))).map(seen), 'r')).toEqual([]);
      await driver.task.onSignal({ id: 't', type: 'resume-snapshot', data: null });
      await driver.until((it) => it.length > 0);
      await driver.task.onSignal({ id: 't', type: 'stop-snapshot', data: {} });
      await orders().insertOne({ _id: 101 });
      expect((await driver.until((it) => it.some((one) => seen(one).op === 'c'))).length).toBeLessThan(30);
    });

    it('stop the stream for a blocking snapshot, which goes on behind it', async () => {
      world = await World.start();
      await orders().insertMany(Array.from({ length: 5 }, (_, _id) => ({ _id })));
      const driver = await world.task({ 'snapshot.mode': 'no_data' });
      await driver.until(() => driver.commitQuiet());
      await orders().insertOne({ _id: 5 });
      await driver.take(1);
      await driver.task.onSignal({ id: 'b', type: 'execute-snapshot', data: { type: 'BLOCKING', 'data-collections': ['shop.orders'], 'additional-conditions': [{ 'data-collection': 'shop.orders', filter: '{"_id": {"$gte": 2}}' }] } });
      const reads = (await driver.take(4)).map(seen);
      expect(reads.map((it) => [it.op, it.id])).toEqual(['2', '3', '4', '5'].map((id) => ['r', id]));
      await orders().insertOne({ _id: 6 });
      expect((await driver.take(1)).map((it) => seen(it).op)).toEqual(['c']);
    });

    onlyDouble('keep a blocking snapshot that was asked for when the connection is lost before it begins', async () => {
      world = await World.start();
      await orders().insertMany(Array.from({ length: 3 }, (_, _id) => ({ _id })));
      const driver = await world.task({ 'snapshot.mode': 'no_data' });
      await driver.until(() => driver.commitQuiet());
      await driver.task.onSignal({ id: 'b', type: 'execute-snapshot', data: { type: 'BLOCKING', 'data-collections': ['shop.orders'] } });
      world.double.failCommands({ commands: ['listDatabases', 'listCollections'], times: 2, closesConnection: true });
      expect((await driver.take(3, 8000)).map(seen).map((it) => [it.op, it.id])).toEqual(['0', '1', '2'].map((id) => ['r', id]));
      expect(driver.retried.length).toBeGreaterThan(0);
    });

    it('read again after one was stopped while it was paused, and stay paused over a restart', async () => {
      world = await World.start();
      await orders().insertMany(Array.from({ length: 5 }, (_, _id) => ({ _id })));
      const settings = { 'snapshot.mode': 'no_data' };
      let driver = await world.task(settings);
      await driver.until(() => driver.commitQuiet());
      const execute = { id: 's', type: 'execute-snapshot', data: { 'data-collections': ['shop.orders'] } };
      await driver.task.onSignal(execute);
      await driver.task.onSignal({ id: 's', type: 'pause-snapshot', data: null });
      await driver.task.onSignal({ id: 's', type: 'stop-snapshot', data: {} });
      await driver.task.onSignal(execute);
      expect(ids((await driver.take(5, 8000)).map(seen), 'r')).toHaveLength(5);
      await driver.task.onSignal(execute);
      await driver.task.onSignal({ id: 's', type: 'pause-snapshot', data: null });
      await orders().insertOne({ _id: 100 });
      await driver.until((it) => it.some((one) => seen(one).op === 'c'));
      await driver.until(() => driver.commitQuiet());
      await driver.stop();
      driver = await world.task(settings, { offset: driver.stored });
      await orders().insertOne({ _id: 101 });
      expect(ids((await driver.until((it) => it.some((one) => seen(one).op === 'c'))).map(seen), 'r')).toEqual([]);
      await driver.task.onSignal({ id: 's', type: 'resume-snapshot', data: null });
      expect(ids((await driver.take(7, 8000)).map(seen), 'r')).toHaveLength(7);
    });

    it('are refused when they are not known or not well formed', async () => {
      world = await World.start();
      const driver = await world.task();
      await expect(driver.task.onSignal({ id: 'x', type: 'frobnicate', data: null })).rejects.toMatchObject({ code: 'CONNECT_CONFIG' });
      await expect(driver.task.onSignal({ id: 'x', type: 'execute-snapshot', data: {} })).rejects.toThrow('data-collections must be a list');
      await expect(driver.task.onSignal({ id: 'x', type: 'execute-snapshot', data: { 'data-collections': ['a'], 'additional-conditions': [{ 'data-collection': 'a', filter: '{' }] } })).rejects.toThrow('not a query document');
    });
  });
});

function told(record: { readonly value: unknown }): { readonly id: string; readonly type: string; readonly aggregate_type: string; readonly additional_data: Record<string, string> } {
  const struct = record.value as { get(name: string): unknown };
  const data = struct.get('additional_data') as Map<string, string>;
  return { id: struct.get('id') as string, type: struct.get('type') as string, aggregate_type: struct.get('aggregate_type') as string, additional_data: Object.fromEntries(data) };
}
