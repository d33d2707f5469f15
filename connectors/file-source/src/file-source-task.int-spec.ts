import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import zlib from 'node:zlib';
import { OffsetStore } from '@millrace/connect-testkit';
import { TaskDriver, values } from '../test/task-driver.js';

let folder: string;
const drivers: TaskDriver[] = [];
beforeEach(() => (folder = fs.mkdtempSync(path.join(os.tmpdir(), 'file-source-'))));
afterEach(async () => {
  for (const it of drivers.splice(0)) await it.stop();
  fs.rmSync(folder, { recursive: true, force: true });
});

const at = (name: string): string => path.join(folder, name);
const write = (name: string, content: string | Uint8Array): void => fs.writeFileSync(at(name), content);
const append = (name: string, content: string | Uint8Array): void => fs.appendFileSync(at(name), content);
const lines = (from: number, to: number, tag = ''): string => Array.from({ length: to - from }, (_, i) => `${tag}${from + i}\n`).join('');
const list = (from: number, to: number, tag = ''): string[] => Array.from({ length: to - from }, (_, i) => `${tag}${from + i}`);

async function start(config: Readonly<Record<string, string>>, offsets?: OffsetStore): Promise<TaskDriver> {
  const driver = new TaskDriver(config, offsets);
  drivers.push(driver);
  return driver.start();
}

describe('lines', () => {
  test('as Kafka: value a string, key null, offsets with the file name and the position in bytes behind the line', async () => {
    const file = at('in.txt');
    write('in.txt', 'first\nzweite Zeile: äöü €\r\n\nlast\n');
    const source = await start({ file });
    const records = await source.take(4);
    expect(values(records)).toEqual(['first', 'zweite Zeile: äöü €', '', 'last']);
    expect(records.map((it) => [it.topic, it.key, it.valueSchema?.type, it.sourcePartition, it.sourceOffset.position, it.sourceOffset.line])).toEqual([
      ['t', null, 'string', { filename: file }, 6, 1],
      ['t', null, 'string', { filename: file }, 32, 2],
      ['t', null, 'string', { filename: file }, 33, 3],
      ['t', null, 'string', { filename: file }, 38, 4],
    ]);
  });

  test('a file that does not exist yet, in a folder that does not', async () => {
    const source = await start({ file: at('later/in.txt') });
    expect(await source.poll()).toEqual([]);
    fs.mkdirSync(at('later'));
    write('later/in.txt', 'a\n');
    expect(values(await source.take(1))).toEqual(['a']);
  });

  test('a character, a line break and a line across chunks of 256 KiB', async () => {
    const long = 'ä'.repeat(200_000);
    write('in.txt', `${'x'.repeat((256 << 10) - 2)}\r\n${long}\n${'y'.repeat(10)}\n`);
    const source = await start({ file: at('in.txt') });
    expect(values(await source.take(3))).toEqual(['x'.repeat((256 << 10) - 2), long, 'yyyyyyyyyy']);
  });

  test('goes on where a record says, from each record', async () => {
    const all = ['a', 'ü', '', '€ur', '𝄞', 'end'];
    write('in.txt', all.map((it, i) => `${it}${i % 2 === 0 ? '\r\n' : '\n'}`).join(''));
    const records = await (await start({ file: at('in.txt') })).take(6);
    for (const [i, record] of records.entries()) {
      const offsets = new OffsetStore();
      offsets.set(record.sourcePartition, record.sourceOffset);
      const source = await start({ file: at('in.txt') }, offsets);
      expect(values(await source.drain(2))).toEqual(all.slice(i + 1));
    }
  });

  test('an offset of Kafka\'s own connector, which has the position alone', async () => {
    write('in.txt', lines(0, 10));
    const offsets = new OffsetStore();
    offsets.set({ filename: at('in.txt') }, { position: 8 });
    const records = await (await start({ file: at('in.txt') }, offsets)).drain();
    expect(values(records)).toEqual(list(4, 10));
    expect(Object.keys(records[0]?.sourceOffset ?? {})).not.toContain('line');
  });

  test('a last line without a line break: after a rest; what ends it later is no line of its own', async () => {
    write('in.txt', 'a\nb');
    const offsets = new OffsetStore();
    const source = await start({ file: at('in.txt'), 'last.line.idle.ms': '30' }, offsets);
    expect(values(await source.take(2))).toEqual(['a', 'b']);
    append('in.txt', '\nc');
    expect(values(await source.take(1))).toEqual(['c']);
    await source.stop();
    append('in.txt', '\r\nd\n');
    expect(values(await (await start({ file: at('in.txt'), 'last.line.idle.ms': '30' }, offsets)).drain())).toEqual(['d']);
  });

  test('a last line without a line break: never by time alone when so asked', async () => {
    write('in.txt', 'a\nb');
    const source = await start({ file: at('in.txt'), 'last.line.idle.ms': '-1' });
    expect(values(await source.drain())).toEqual(['a']);
    append('in.txt', 'c\n');
    expect(values(await source.take(1))).toEqual(['bc']);
  });

  test.each([
    ['utf-16le', Buffer.from('\ufeffaĊ\nÄ\u0a0a\r\n𝄞\n', 'utf16le')],
    ['utf-16be', Buffer.from('\ufeffaĊ\nÄ\u0a0a\r\n𝄞\n', 'utf16le').swap16()],
  ])('%s: line breaks at even places, and the byte order mark is no text', async (encoding, bytes) => {
    write('in.txt', bytes.subarray(0, 7));
    const source = await start({ file: at('in.txt'), encoding });
    await source.drain(2);
    append('in.txt', bytes.subarray(7));
    const records = await source.take(2);
    expect(values(records).slice(-2)).toEqual(['Ä\u0a0a', '𝄞']);
  });

  test.each([
    ['utf-8', Buffer.from('\ufeffä\n'), 'ä'],
    ['iso-8859-1', Buffer.from([0xe4, 0x85, 10]), 'ä\u0085'],
    ['windows-1252', Buffer.from([0x80, 0xe4, 10]), '€ä'],
    ['shift_jis', Buffer.from([0x83, 0x5c, 10]), 'ソ'],
  ])('encoding %s', async (encoding, bytes, text) => {
    write('in.txt', bytes);
    expect(values(await (await start({ file: at('in.txt'), encoding })).take(1))).toEqual([text]);
  });

  test('bytes as they are', async () => {
    write('in.bin', Buffer.from([0xff, 0, 13, 10, 0xc3, 10]));
    const records = await (await start({ file: at('in.bin'), 'value.type': 'bytes' })).take(2);
    expect(values(records).map((it) => [...(it as Uint8Array)])).toEqual([[0xff, 0], [0xc3]]);
  });

  test('headers', async () => {
    write('in.txt', 'aa\nb\n');
    const records = await (await start({ file: at('in.txt'), 'record.headers': 'true' })).take(2);
    expect(records[1]?.headers?.map((it) => [it.key, it.value])).toEqual([
      ['file.path', at('in.txt')], ['file.offset', 3n], ['file.line', 2n], ['file.modified', BigInt(Math.trunc(fs.statSync(at('in.txt')).mtimeMs))],
    ]);
  });
});

describe('a file that cannot be opened for a while', () => {
  let refused: string | undefined;
  const { open } = fsPromises;
  beforeEach(() => {
    jest.spyOn(fsPromises, 'open').mockImplementation((file, ...rest) =>
      file === refused ? Promise.reject(Object.assign(new Error(`EACCES: ${refused}`), { code: 'EACCES', errno: -13 })) : open(file, ...rest),
    );
  });
  afterEach(() => {
    refused = undefined;
    jest.restoreAllMocks();
  });

  test('a short one that grows: the others are read on, and it as soon as it can be', async () => {
    write('a.log', '0\n');
    write('b.log', 'b0\n');
    const source = await start({ include: at('*.log'), 'open.files.max': '1' });
    expect(values(await source.take(2)).sort()).toEqual(['0', 'b0']);
    refused = at('a.log');
    append('a.log', lines(1, 5));
    append('b.log', lines(1, 5, 'b'));
    // One of the two is open still: if it is the refused one, it is read all the same.
    const meanwhile: unknown[] = [];
    while (source.warnings.length === 0 || !meanwhile.includes('b4')) meanwhile.push(...values(await source.poll()));
    expect(meanwhile.filter((it) => String(it).startsWith('b'))).toEqual(list(1, 5, 'b'));
    expect(source.warnings[0]).toBe('A file cannot be read; it is tried again with the next scan');
    refused = undefined;
    append('a.log', '5\n');
    const after = values(await source.take(9 - meanwhile.length));
    expect([...meanwhile, ...after].filter((it) => !String(it).startsWith('b'))).toEqual(list(1, 6));
  });

  test('one that must be compared with another: that waits, and is read once it is known to be another', async () => {
    const head = `${'x'.repeat(100)}\n`;
    write('a.log', `${head}a\n`);
    const source = await start({ include: at('*.log'), 'fingerprint.bytes': '64' });
    expect(values(await source.take(2))).toEqual(['x'.repeat(100), 'a']);
    refused = at('a.log');
    write('b.log', `${head}b\n`);
    write('c.log', 'c\n');
    expect(values(await source.drain())).toEqual(['c']);
    refused = undefined;
    expect(values(await source.take(2))).toEqual(['x'.repeat(100), 'b']);
  });
});

describe('bad records', () => {
  test('a line that is too long fails the task, behind the good ones', async () => {
    write('in.txt', `a\n${'x'.repeat(100)}\nb\n`);
    const source = await start({ file: at('in.txt'), 'line.bytes.max': '50' });
    expect(values(await source.poll())).toEqual(['a']);
    await expect(source.poll()).rejects.toMatchObject({ code: 'CONNECT_DATA', message: `the line at byte 2 of ${at('in.txt')} is longer than 50 bytes (bad.record.policy is fail)` });
  });

  test('or is skipped, however long it is; its end is stored', async () => {
    write('in.txt', `a\n${'x'.repeat(3 << 20)}`);
    const offsets = new OffsetStore();
    const source = await start({ file: at('in.txt'), 'line.bytes.max': '50', 'bad.record.policy': 'skip' }, offsets);
    expect(values(await source.take(1))).toEqual(['a']);
    append('in.txt', 'x\n');
    await source.drain();
    expect(offsets.get({ filename: at('in.txt') })).toMatchObject({ position: (3 << 20) + 4, line: 2 });
    append('in.txt', 'b\n');
    expect(values(await source.take(1))).toEqual(['b']);
  });

  test('ndjson: values without a schema, integers exact; a broken line by policy', async () => {
    write('in.ndjson', '{"a":9007199254740993,"b":[1.0,null,"x"],"c":{}}\n{"a":\n true \n');
    const skipping = await start({ file: at('in.ndjson'), format: 'ndjson', 'bad.record.policy': 'skip' });
    const records = await skipping.take(2);
    expect(values(records)).toEqual([new Map<unknown, unknown>([['a', 9007199254740993n], ['b', [1, null, 'x']], ['c', new Map()]]), true]);
    expect(records[0]?.valueSchema).toBeNull();
    const failing = await start({ file: at('in.ndjson'), format: 'ndjson' });
    expect(await failing.poll()).toHaveLength(1);
    await expect(failing.poll()).rejects.toThrow('is not JSON at character 6');
  });
});

describe('one stream through rotations', () => {
  const file = (): string => at('app.log');

  test('renamed while it is read: the rest of the old file first', async () => {
    write('app.log', lines(0, 5));
    const source = await start({ file: file(), 'batch.size': '2' });
    expect(values(await source.take(2))).toEqual(list(0, 2));
    append('app.log', 'half');
    fs.renameSync(file(), at('app.log.1'));
    write('app.log', lines(10, 12));
    append('app.log.1', ' done\nopen end');
    expect(values(await source.drain())).toEqual([...list(2, 5), 'half done', 'open end', ...list(10, 12)]);
  });

  test('renamed twice while the task was away: every file of the chain, in order, and none of before', async () => {
    write('app.log.9', lines(900, 905, 'old'));
    fs.utimesSync(at('app.log.9'), 1000, 1000);
    write('app.log', lines(0, 5));
    fs.utimesSync(file(), 2000, 2000);
    const offsets = new OffsetStore();
    const first = await start({ file: file(), 'batch.size': '3' }, offsets);
    expect(values(await first.take(3))).toEqual(list(0, 3));
    await first.stop();
    fs.renameSync(file(), at('app.log.2'));
    write('app.log.1', lines(5, 9));
    fs.utimesSync(at('app.log.1'), 3000, 3000);
    write('app.log', lines(9, 12));
    const second = await start({ file: file() }, offsets);
    expect(values(await second.drain())).toEqual(list(3, 12));
  });

  test('copied and truncated: what was not read is in the copy', async () => {
    write('app.log', lines(0, 300));
    const source = await start({ file: file(), 'batch.size': '100' });
    expect(values(await source.take(100))).toEqual(list(0, 100));
    append('app.log', lines(300, 310));
    fs.copyFileSync(file(), at('app.log.1'));
    fs.truncateSync(file());
    append('app.log', lines(310, 312));
    expect(values(await source.drain())).toEqual(list(100, 312));
  });

  test('compressed while the task was away', async () => {
    write('app.log', lines(0, 500));
    const offsets = new OffsetStore();
    const first = await start({ file: file(), 'batch.size': '100' }, offsets);
    await first.take(100);
    await first.stop();
    write('app.log.1.gz', zlib.gzipSync(fs.readFileSync(file())));
    fs.rmSync(file());
    write('app.log', lines(500, 503));
    const second = await start({ file: file() }, offsets);
    expect(values(await second.drain())).toEqual(list(100, 503));
  });

  test('deleted while it is read: to its end, then the new one', async () => {
    write('app.log', lines(0, 5));
    const source = await start({ file: file(), 'batch.size': '2' });
    await source.take(2);
    fs.rmSync(file());
    write('app.log', lines(5, 7));
    expect(values(await source.drain())).toEqual(list(2, 7));
  });

  test('the file in which reading was left is gone: said, and from the beginning of the new one', async () => {
    write('app.log', lines(0, 5));
    const offsets = new OffsetStore();
    const first = await start({ file: file() }, offsets);
    await first.take(5);
    await first.stop();
    fs.rmSync(file());
    write('app.log', lines(10, 12));
    const second = await start({ file: file() }, offsets);
    expect(values(await second.drain())).toEqual(list(10, 12));
    expect(second.warnings[0]).toMatch('The file in which reading was left is there no more');
  });
});

describe('many files', () => {
  const config = (): Record<string, string> => ({ include: `${folder}/**/*.log`, exclude: '**/no-*.log' });

  test('globs, deep; each file is a stream of its own; files that come later; rotated names that no glob matches', async () => {
    fs.mkdirSync(at('a/b'), { recursive: true });
    write('x.log', lines(0, 2, 'x'));
    write('a/b/y.log', lines(0, 3, 'y'));
    write('a/no-z.log', lines(0, 3, 'z'));
    write('a/y.txt', 'txt\n');
    write('x.log.1', 'never\n');
    fs.utimesSync(at('x.log.1'), 1000, 1000);
    const source = await start(config());
    const records = await source.drain();
    expect(values(records).sort()).toEqual(['x0', 'x1', 'y0', 'y1', 'y2']);
    expect(new Set(records.map((it) => it.sourcePartition)).size).toBe(2);
    write('a/late.log', 'late\n');
    append('x.log', 'x2\n');
    fs.renameSync(at('x.log'), at('x.log.2'));
    append('x.log.2', 'x3\n');
    expect(values(await source.drain()).sort()).toEqual(['late', 'x2', 'x3']);
  });

  test('a file grows past its fingerprint: its stream gets another name, and nothing is repeated after a restart', async () => {
    const offsets = new OffsetStore();
    const source = await start({ ...config(), 'fingerprint.bytes': '64' }, offsets);
    write('x.log', lines(0, 5));
    expect(values(await source.drain())).toEqual(list(0, 5));
    const middle = await start({ ...config(), 'fingerprint.bytes': '64' }, offsets);
    append('x.log', lines(5, 60));
    expect(values(await middle.drain())).toEqual(list(5, 60));
    fs.renameSync(at('x.log'), at('y.log'));
    append('y.log', lines(60, 62));
    expect(values(await (await start({ ...config(), 'fingerprint.bytes': '64' }, offsets)).drain())).toEqual(list(60, 62));
    expect(offsets.entries().size).toBe(2);
  });

  test('known by its content: a copy on another inode is not read again, one that differs later is', async () => {
    const head = lines(0, 500);
    const offsets = new OffsetStore();
    write('x.log', head);
    const source = await start(config(), offsets);
    await source.take(500);
    fs.copyFileSync(at('x.log'), at('copy.log'));
    expect(await source.drain()).toEqual([]);
    fs.rmSync(at('x.log'));
    append('copy.log', 'more\n');
    expect(values(await source.drain())).toEqual(['more']);
    await source.stop();
    fs.copyFileSync(at('copy.log'), at('again.log'));
    fs.rmSync(at('copy.log'));
    append('again.log', 'and more\n');
    expect(values(await (await start(config(), offsets)).drain())).toEqual(['and more']);
  });

  test('files that begin alike but are not the same are all read, also after a restart', async () => {
    const banner = `${'='.repeat(1100)}\n`;
    write('x.log', `${banner}x0\n`);
    write('y.log', `${banner}y0\n`);
    const offsets = new OffsetStore();
    const source = await start(config(), offsets);
    expect(values(await source.drain()).filter((it) => !String(it).startsWith('=')).sort()).toEqual(['x0', 'y0']);
    await source.stop();
    append('x.log', 'x1\n');
    append('y.log', 'y1\n');
    const again = await start(config(), offsets);
    expect(values(await again.drain()).sort()).toEqual(['x1', 'y1']);
  });

  test('an inode that is used again, with the same beginning, is a new file', async () => {
    const offsets = new OffsetStore();
    write('x.log', 'id,name\n1,a\n');
    const source = await start(config(), offsets);
    expect(await source.drain()).toHaveLength(2);
    await source.stop();
    const { ino } = fs.statSync(at('x.log'));
    fs.rmSync(at('x.log'));
    for (let i = 0; i < 200; i++) {
      write(`n${i}.log`, 'id,name\n1,a\n');
      if (fs.statSync(at(`n${i}.log`)).ino === ino) break;
    }
    const count = fs.readdirSync(folder).length;
    expect(await (await start(config(), offsets)).drain()).toHaveLength(2 * count);
  });

  test('truncated and written anew, also when it is longer at once', async () => {
    write('x.log', lines(0, 100, 'first'));
    const source = await start(config());
    await source.take(100);
    write('x.log', lines(0, 200, 'second'));
    expect(values(await source.drain())).toEqual(list(0, 200, 'second'));
  });

  test('gzip: resumed by the place in the text; several members; one that is still being written', async () => {
    const text = lines(0, 50_000);
    const [a, b] = [zlib.gzipSync(text.slice(0, 100_000)), zlib.gzipSync(text.slice(100_000))];
    write('x.log', Buffer.concat([a, b.subarray(0, 1000)]));
    const offsets = new OffsetStore();
    const source = await start({ ...config(), 'last.line.idle.ms': '-1' }, offsets);
    const first = await source.drain();
    expect(first.length).toBeGreaterThan(18_000);
    await source.stop();
    append('x.log', b.subarray(1000));
    const rest = await (await start(config(), offsets)).drain();
    expect([...values(first), ...values(rest)]).toEqual(list(0, 50_000));
    expect(rest[rest.length - 1]?.sourceOffset.position).toBe(text.length);
  });

  test('gzip that is broken: by policy', async () => {
    const packed = zlib.gzipSync(lines(0, 50_000));
    packed.fill(0xff, packed.length >> 1, (packed.length >> 1) + 50);
    write('x.log', packed);
    const failing = await start(config());
    await expect(failing.drain()).rejects.toThrow(/x\.log is not whole gzip \(Z_DATA_ERROR\)/);
    const skipping = await start({ ...config(), 'bad.record.policy': 'skip' });
    expect((await skipping.drain()).length).toBeGreaterThan(1000);
    expect(skipping.warnings).toContain('A bad record is skipped');
  });

  test('fair: a long file does not keep others waiting; the batch is bounded', async () => {
    write('a.log', lines(0, 200_000));
    for (let i = 0; i < 20; i++) write(`b${i}.log`, `b${i}\n`);
    const source = await start({ ...config(), 'batch.size': '100' });
    const seen: unknown[] = [];
    for (let i = 0; i < 25; i++) {
      const records = await source.poll();
      expect(records.length).toBeLessThanOrEqual(100);
      seen.push(...values(records));
    }
    expect(seen.filter((it) => String(it).startsWith('b'))).toHaveLength(20);
  });

  test('more files than may be open', async () => {
    for (let i = 0; i < 50; i++) write(`f${i}.log`, lines(0, 3, `${i}-`));
    const open = (): number => fs.readdirSync('/proc/self/fd').filter((it) => linkOf(it).startsWith(folder)).length;
    const source = await start({ ...config(), 'open.files.max': '5' });
    expect(await source.drain()).toHaveLength(150);
    if (process.platform === 'linux') expect(open()).toBeLessThanOrEqual(5);
    for (let i = 0; i < 50; i++) append(`f${i}.log`, 'x\n');
    expect(await source.drain()).toHaveLength(50);
  });

  test('tasks share the files; from one to three and back nothing is lost or repeated, rotations included', async () => {
    const offsets = new OffsetStore();
    const names = Array.from({ length: 12 }, (_, i) => `f${i}.log`);
    let next = 0;
    const seen: unknown[] = [];
    const written: string[] = [];
    for (const count of [1, 3, 2, 1]) {
      for (const name of names) {
        const text = `${name}:${next++}`;
        append(name, `${text}\n`);
        written.push(text);
      }
      const tasks = await Promise.all(Array.from({ length: count }, (_, i) => start({ ...config(), 'file.task.index': String(i), 'file.task.count': String(count) }, offsets)));
      for (const task of tasks) seen.push(...values(await task.drain()));
      for (const name of names.slice(0, 6)) {
        append(name, `${name}:last of ${count}\n`);
        written.push(`${name}:last of ${count}`);
        fs.renameSync(at(name), at(`${name}.${count}`));
      }
      for (const task of tasks) await task.stop();
    }
    seen.push(...values(await (await start(config(), offsets)).drain()));
    expect([...seen].sort()).toEqual([...written].sort());
  });

  test('cleaned up when every record is stored, not before; moved without writing over another', async () => {
    const done = at('done');
    fs.mkdirSync(done);
    fs.writeFileSync(path.join(done, 'x.log'), 'was here');
    const source = await start({ include: `${folder}/*.log`, 'cleanup.policy': 'move', 'cleanup.idle.ms': '0', 'cleanup.directory': done });
    write('x.log', lines(0, 3));
    write('y.log', 'no end');
    const records = [...(await source.poll()), ...(await source.poll()), ...(await source.poll())];
    expect(values(records)).toEqual(list(0, 3));
    await source.poll();
    expect(fs.existsSync(at('x.log'))).toBe(true);
    source.commit(...records);
    await source.drain();
    expect([fs.existsSync(at('x.log')), fs.existsSync(at('y.log')), fs.readFileSync(path.join(done, 'x.log.1'), 'utf8')]).toEqual([false, true, lines(0, 3)]);
    expect(source.task.lag()).toEqual({ bytes: 6 });
  });

  test('cleaned up after a restart what was stored before it, plain or gzip; not what is not stored, or not wholly', async () => {
    write('x.log', lines(0, 3));
    write('short.log', 'a\nb\n');
    write('z.log', zlib.gzipSync(lines(0, 500, 'z')));
    write('open.log', 'line\nno end');
    const config = { include: `${folder}/*.log`, 'cleanup.policy': 'delete', 'last.line.idle.ms': '-1' };
    const offsets = new OffsetStore();
    const before = await start({ ...config, 'cleanup.idle.ms': '3600000' }, offsets);
    expect(await before.drain()).toHaveLength(506);
    await before.stop();
    append('short.log', 'c\n');
    write('new.log', 'new\n');
    const after = await start({ ...config, 'cleanup.idle.ms': '0' }, offsets);
    const records = [...(await after.poll()), ...(await after.poll()), ...(await after.poll())];
    await after.poll();
    expect(values(records).sort()).toEqual(['c', 'new']);
    expect(fs.readdirSync(folder).sort()).toEqual(['new.log', 'open.log', 'short.log']);
    after.commit(...records);
    expect(await after.drain()).toEqual([]);
    expect(fs.readdirSync(folder)).toEqual(['open.log']);
  });

  test.each([lines(0, 500), lines(0, 50_000), 'x'.repeat(4000)])('a gzip file that only begins like the one that was stored is not cleaned up', async (text) => {
    const head = 'h'.repeat(100);
    write('z.log', zlib.gzipSync(`${head}\n${lines(0, 1000, 'z')}`));
    const config = { include: `${folder}/*.log`, 'fingerprint.bytes': '64', 'cleanup.policy': 'delete', 'last.line.idle.ms': '-1' };
    const offsets = new OffsetStore();
    const before = await start({ ...config, 'cleanup.idle.ms': '3600000' }, offsets);
    expect(await before.drain()).toHaveLength(1001);
    await before.stop();
    fs.rmSync(at('z.log'));
    write('z2.log', zlib.gzipSync(`${head}\n${text}`));
    const after = await start({ ...config, 'cleanup.idle.ms': '0' }, offsets);
    for (let i = 0; i < 5; i++) await after.poll();
    expect(fs.readdirSync(folder)).toEqual(['z2.log']);
  });

  test('lag in bytes', async () => {
    write('x.log', lines(0, 1000));
    const source = await start({ ...config(), 'batch.size': '10' });
    expect(source.task.lag()).toEqual({ bytes: 3890 });
    await source.poll();
    expect(source.task.lag()).toEqual({ bytes: 3870 });
    await source.drain();
    expect(source.task.lag()).toEqual({ bytes: 0 });
  });
});

function linkOf(fd: string): string {
  try {
    return fs.readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return '';
  }
}
