import { DataError, Schema, Struct } from '@millrace/connect-api';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type FileSystem, NODE_FILE_SYSTEM } from './disk/file-system.js';
import { allLines, hiddenParts, record, SinkDriver, texts, visibleFiles } from '../test/sink-driver.js';

let folder: string;
beforeEach(() => (folder = fs.mkdtempSync(path.join(os.tmpdir(), 'file-sink-'))));
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

const expected = (count: number, partition = 0): string[] => texts(count, partition).map((it) => JSON.stringify(it.value));

describe('rotation', () => {
  test('by records: names tell topic, partition and offsets; nothing of the rest is visible before its time', async () => {
    const sink = await new SinkDriver({ directory: folder, 'rotate.records': '4' }, [texts(10)]).start();
    await sink.drain(3);
    expect(visibleFiles(folder)).toEqual({
      't/t+0+00000000000000000000-00000000000000000003.jsonl': '"0:0"\n"0:1"\n"0:2"\n"0:3"\n',
      't/t+0+00000000000000000004-00000000000000000007.jsonl': '"0:4"\n"0:5"\n"0:6"\n"0:7"\n',
    });
    expect(await sink.preCommit()).toEqual({ 0: 8 });
    await sink.stop();
    expect(allLines(folder)).toEqual(expected(10));
    expect(hiddenParts(folder)).toEqual([]);
  });

  test('by bytes', async () => {
    const sink = await new SinkDriver({ directory: folder, 'rotate.bytes': '30' }, [texts(10)]).start();
    await sink.drain(10);
    expect(Object.values(visibleFiles(folder))).toEqual(['"0:0"\n"0:1"\n"0:2"\n"0:3"\n"0:4"\n', '"0:5"\n"0:6"\n"0:7"\n"0:8"\n"0:9"\n']);
    await sink.stop();
  });

  test('by time, also when no record follows: the task asks for a commit', async () => {
    const sink = await new SinkDriver({ directory: folder, 'rotate.interval.ms': '30' }, [texts(3)]).start();
    await sink.drain();
    expect(visibleFiles(folder)).toEqual({});
    const deadline = Date.now() + 5000;
    while (sink.commitsAsked === 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await sink.preCommit()).toEqual({ 0: 3 });
    expect(allLines(folder)).toEqual(expected(3));
    await sink.stop();
  });
});

describe('paths', () => {
  const ROW = Schema.struct({ country: Schema.of('string'), n: Schema.of('int32') });
  const rows = ['de', '../../etc/x', 'fr', '..', '/abs', 'de', ''].map((country, i) => record(i, new Struct(ROW, { country, n: i }), { valueSchema: ROW }));

  test('by field and time; a value is one name whatever it says; files of one run appear together', async () => {
    const sink = await new SinkDriver({ directory: folder, 'path.template': '{topic}/c={value.country}/{timestamp:yyyy-MM-dd/HH}' }, [rows]).start();
    await sink.drain();
    expect(visibleFiles(folder)).toEqual({});
    await sink.close();
    expect(Object.keys(visibleFiles(folder)).map((it) => path.dirname(it))).toEqual([
      't/c=%2E.%2F..%2Fetc%2Fx/2023-11-14/22', 't/c=%2E./2023-11-14/22', 't/c=%2Fabs/2023-11-14/22', 't/c=_/2023-11-14/22', 't/c=de/2023-11-14/22', 't/c=fr/2023-11-14/22',
    ]);
    expect(visibleFiles(folder)['t/c=de/2023-11-14/22/t+0+00000000000000000000-00000000000000000005.jsonl']).toBe('{"country":"de","n":0}\n{"country":"de","n":5}\n');
    await sink.stop();
  });

  test('a link that leads out is refused', async () => {
    fs.symlinkSync(os.tmpdir(), path.join(folder, 'de'));
    const sink = await new SinkDriver({ directory: folder, 'path.template': '{value.country}' }, [rows.slice(0, 3)]).start();
    await sink.drain();
    await sink.stop();
    fs.unlinkSync(path.join(folder, 'de'));
    expect(sink.errant).toEqual([{ offset: 0, message: 'the folder de leads out of the directory' }]);
    expect(Object.values(visibleFiles(folder)).sort()).toEqual(['{"country":"../../etc/x","n":1}\n', '{"country":"fr","n":2}\n']);
  });

  test('more files under way than may be open', async () => {
    const log = Array.from({ length: 200 }, (_, i) => record(i, `v${i}`, { key: `k${i % 20}`, keySchema: Schema.of('string') }));
    const sink = await new SinkDriver({ directory: folder, 'path.template': '{key}', 'open.files.max': '3' }, [log]).start();
    await sink.drain(7);
    await sink.stop();
    const files = visibleFiles(folder);
    expect(Object.keys(files)).toHaveLength(20);
    expect(files['k7/t+0+00000000000000000007-00000000000000000187.jsonl']).toBe([7, 27, 47, 67, 87, 107, 127, 147, 167, 187].map((it) => `"v${it}"\n`).join(''));
  });
});

describe('what becomes of finished files', () => {
  test('they may be taken away: the partition goes on behind them', async () => {
    const config = { directory: folder, 'path.template': '{topic}/{timestamp:ss}' };
    const first = await new SinkDriver(config, [texts(5)]).start();
    await first.drain();
    await first.stop();
    fs.rmSync(path.join(folder, 't'), { recursive: true });
    const second = await new SinkDriver(config, [texts(8)]).start();
    expect([second.warnings, second.positions.get(0)]).toEqual([[], 5]);
    await second.drain();
    await second.stop();
    expect(allLines(folder)).toEqual(expected(8).slice(5));
  });

  test('a folder that vanishes before the move is no sign that the move was made', async () => {
    let folders = 0;
    const disk: FileSystem = {
      ...NODE_FILE_SYSTEM,
      rename: async (from, to) => {
        if (folders++ === 0) fs.rmdirSync(path.dirname(to));
        await NODE_FILE_SYSTEM.rename(from, to);
      },
    };
    const sink = await new SinkDriver({ directory: folder, 'rotate.records': '5' }, [texts(5)], { disk }).start();
    await sink.drain();
    await sink.stop();
    expect(sink.retries).toHaveLength(1);
    expect(allLines(folder)).toEqual(expected(5));
  });
});

describe('topics that a transformation has renamed', () => {
  test('positions are those of the topic that is read: committed, and gone on from after a restart', async () => {
    const config = { directory: folder, 'rotate.records': '4' };
    const log = [texts(6).map((it, i) => ({ ...it, topic: i < 2 ? 'x' : 'y' }))];
    const first = await new SinkDriver(config, log).start();
    await first.drain();
    expect(await first.preCommit()).toEqual({ 0: 4 });
    await first.stop();
    const second = await new SinkDriver(config, log).start();
    expect(second.positions.get(0)).toBe(6);
    await second.stop();
    expect(visibleFiles(folder)).toEqual({
      'x/t+0+00000000000000000000-00000000000000000001.jsonl': '"0:0"\n"0:1"\n',
      'y/t+0+00000000000000000002-00000000000000000003.jsonl': '"0:2"\n"0:3"\n',
      'y/t+0+00000000000000000004-00000000000000000005.jsonl': '"0:4"\n"0:5"\n',
    });
  });

  test('of two that have one name now, neither hides the other', async () => {
    const sink = await new SinkDriver({ directory: folder, 'rotate.records': '1' }, []).start();
    await sink.put([record(500, 'of a', { topic: 'all', originalTopic: 'a' }), record(3, 'of b', { topic: 'all', originalTopic: 'b' })]);
    const [a, b] = [{ topic: 'a', partition: 0 }, { topic: 'b', partition: 0 }];
    expect([...(await sink.task.preCommit(new Map([[a, 501], [b, 4]])))]).toEqual([[a, 501], [b, 4]]);
    await sink.stop();
    expect(visibleFiles(folder)).toEqual({
      'all/a+0+00000000000000000500-00000000000000000500.jsonl': '"of a"\n',
      'all/b+0+00000000000000000003-00000000000000000003.jsonl': '"of b"\n',
    });
  });
});

test('gzip: the same content', async () => {
  const log = Array.from({ length: 3000 }, (_, i) => record(i, `${i}-`.repeat(200)));
  const sink = await new SinkDriver({ directory: folder, compression: 'gzip', 'rotate.records': '2000' }, [log]).start();
  await sink.drain();
  await sink.stop();
  expect(Object.keys(visibleFiles(folder))).toEqual(['t/t+0+00000000000000000000-00000000000000001999.jsonl.gz', 't/t+0+00000000000000002000-00000000000000002999.jsonl.gz']);
  expect(allLines(folder)).toEqual(log.map((it) => JSON.stringify(it.value)));
});

describe('bad records', () => {
  const log = [record(0, 'a'), record(1, new Map([['a', 1n]])), record(2, null), record(3, 'b')];

  test('are reported; the rest goes on; they are not reported again after a restart', async () => {
    const config = { directory: folder, format: 'raw', 'tombstone.policy': 'fail' };
    const sink = await new SinkDriver(config, [log]).start();
    await sink.drain();
    await sink.stop();
    expect(sink.errant.map((it) => it.offset)).toEqual([1, 2]);
    expect(allLines(folder)).toEqual(['a', 'b']);
    const again = await new SinkDriver(config, [log]).start();
    await again.drain();
    await again.stop();
    expect(again.errant).toEqual([]);
    expect(allLines(folder)).toEqual(['a', 'b']);
  });

  test('fail the task where they are not tolerated', async () => {
    const sink = await new SinkDriver({ directory: folder, format: 'raw' }, [log], { tolerance: 'none' }).start();
    await expect(sink.drain()).rejects.toThrow(DataError);
    await sink.stop();
  });

  test('a partition of nothing but skipped records goes on too', async () => {
    const sink = await new SinkDriver({ directory: folder, 'rotate.records': '2' }, [[record(0, null), record(1, null), record(2, null)]]).start();
    await sink.drain();
    expect(await sink.preCommit()).toEqual({ 0: 2 });
    await sink.stop();
    expect(visibleFiles(folder)).toEqual({});
  });
});

test('a topic that was made anew is not taken for records that are written', async () => {
  const config = { directory: folder };
  const first = await new SinkDriver(config, [texts(5)]).start();
  await first.drain();
  await first.stop();
  const anew = [record(0, 'new', { timestampMs: 1_800_000_000_000 })];
  const second = await new SinkDriver(config, [anew]).start();
  await expect(second.put(anew)).rejects.toThrow('Offset 0 of t-0 is new, but the files go on at 5: the topic was made anew');
  await second.stop();
  // What is put again is not.
  const third = await new SinkDriver(config, [texts(6)]).start();
  await third.put(texts(6));
  await third.stop();
  expect(allLines(folder)).toEqual(expected(6));
});
