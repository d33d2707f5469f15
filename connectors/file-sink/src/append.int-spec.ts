import { Schema, Struct } from '@millrace/connect-api';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { record, SinkDriver, texts } from '../test/sink-driver.js';

let folder: string;
beforeEach(() => (folder = fs.mkdtempSync(path.join(os.tmpdir(), 'file-sink-'))));
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

test('as Kafka: the text that Java makes of each value, and a line break', async () => {
  const row = Schema.struct({ a: Schema.of('int32'), b: Schema.of('string', { optional: true }), c: Schema.of('double'), d: Schema.of('int64') });
  const file = path.join(folder, 'out.txt');
  const log = [
    record(0, 'text'), record(1, null), record(2, new Struct(row, { a: 1, b: null, c: 1, d: 5n }), { valueSchema: row }),
    record(3, new Map<string, bigint | string>([['a', 1n], ['b', 'x']])), record(4, [1.5, true, 1e10]), record(5, 'end'),
  ];
  const sink = await new SinkDriver({ file }, [log]).start();
  await sink.drain(2);
  expect(await sink.preCommit()).toEqual({ 0: 6 });
  await sink.stop();
  expect(fs.readFileSync(file, 'utf8')).toBe('text\nnull\nStruct{a=1,c=1.0,d=5}\n{a=1, b=x}\n[1.5, true, 1.0E10]\nend\n');
});

test('goes on at the end; a line that a crash cut off is ended first', async () => {
  const file = path.join(folder, 'out.txt');
  fs.writeFileSync(file, 'whole\ncut o');
  const sink = await new SinkDriver({ file }, [texts(2)]).start();
  await sink.drain();
  await sink.stop();
  expect(fs.readFileSync(file, 'utf8')).toBe('whole\ncut o\n0:0\n0:1\n');
});

test('a file that cannot be opened fails the task at its start', async () => {
  await expect(new SinkDriver({ file: path.join(folder, 'no', 'out.txt') }, [texts(1)]).start()).rejects.toMatchObject({ code: 'ENOENT' });
});
