import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { FileSinkConnector } from '../file-sink-connector.js';
import { allLines, SinkDriver, texts } from '../../test/sink-driver.js';

let folder: string;
beforeEach(() => (folder = fs.mkdtempSync(path.join(os.tmpdir(), 'file-sink-'))));
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

async function errors(config: Record<string, string>): Promise<Record<string, string[]>> {
  const values = await new FileSinkConnector().validate(config);
  return Object.fromEntries(values.filter((it) => it.errors.length > 0).map((it) => [it.name, it.errors]));
}

test('what is right', async () => {
  expect(await errors({})).toEqual({});
  expect(await errors({ file: path.join(folder, 'out.txt') })).toEqual({});
  expect(await errors({ directory: path.join(folder, 'new', 'deep'), 'path.template': '{topic}/{key.id}/{header.a.b}/{timestamp:yyyy/MM/dd/HH}' })).toEqual({});
  expect(fs.readdirSync(folder)).toEqual([]);
});

test.each([
  ['/etc', 'It must be relative to the directory'], ['a/../../b', 'It must not have names that begin with a dot'], ['{topic', 'It has a brace without its partner'],
  ['{nope}', 'It has a placeholder that is not known: {nope}'], ['{timestamp:yyyy/../MM}', 'It has a time format other than of yyyy, MM, dd, HH, mm and ss: yyyy/../MM'],
])('path.template %s', async (template, text) => {
  expect(await errors({ directory: folder, 'path.template': template })).toEqual({ 'path.template': [`Invalid value ${template} for configuration path.template: ${text}`] });
});

test('what is wrong with the disk', async () => {
  const file = path.join(folder, 'file');
  fs.writeFileSync(file, '');
  expect(await errors({ directory: path.join(file, 'x') })).toEqual({ directory: [`A part of ${path.join(file, 'x')} is not a folder`] });
  expect(await errors({ directory: file })).toEqual({ directory: [`${file} is not a folder`] });
  expect(await errors({ file: folder })).toEqual({ file: [`${folder} is a folder`] });
  expect(await errors({ file: path.join(folder, 'no', 'x') })).toEqual({ file: [`The folder ${path.join(folder, 'no')} does not exist`] });
  expect(await errors({ file, directory: folder })).toHaveProperty('directory');
});

test('altered offsets move the end of the chain, and are refused while a task is at it', async () => {
  const config = { directory: folder };
  const first = await new SinkDriver(config, [texts(10)]).start();
  await first.drain();
  await first.stop();
  await new FileSinkConnector().alterOffsets(config, new Map([['t-0', 20]]));
  const second = await new SinkDriver(config, [texts(30)]).start();
  await second.drain();
  await second.stop();
  expect(allLines(folder)).toEqual([...texts(10), ...texts(10, 0, 20)].map((it) => JSON.stringify(it.value)));
  await new FileSinkConnector().alterOffsets(config, new Map([['t-0', null]]));
  const third = await new SinkDriver(config, [texts(30)]).start();
  expect(third.positions.get(0)).toBe(0);
  await third.stop();
});
