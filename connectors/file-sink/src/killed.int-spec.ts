import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { hiddenParts, visibleFiles } from '../test/sink-driver.js';

const KILLS = 20;
const PARTITIONS = 3;
const RECORDS = 20_000;
const SCRIPT = path.join(__dirname, '../test/killed-sink.cjs');
/** Below this folder: the real disk of the machine. */
let folder: string;
beforeEach(() => (folder = fs.mkdtempSync(path.join(os.tmpdir(), 'file-sink-'))));
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

/** One life of the task; killed `afterMs` behind its start, or left to end. */
async function live(settings: Readonly<Record<string, string>>, afterMs?: number): Promise<{ readonly isDone: boolean; readonly errors: string }> {
  const child = spawn(process.execPath, [SCRIPT, folder, String(PARTITIONS), String(RECORDS), JSON.stringify(settings)]);
  let [output, errors] = ['', ''];
  const isOpen = new Promise<void>((resolve) => {
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      resolve();
    });
    child.once('exit', () => resolve());
  });
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const gone = once(child, 'exit');
  await isOpen;
  const timer = afterMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), afterMs);
  await gone;
  clearTimeout(timer);
  return { isDone: output.includes('done'), errors };
}

/** Every visible file is whole: parsed to its end, and its first and last lines are those of its name. Answers the offsets seen, by partition. */
function offsetsSeen(): number[][] {
  const seen: number[][] = Array.from({ length: PARTITIONS }, () => []);
  for (const [name, content] of Object.entries(visibleFiles(folder))) {
    const [, partition = '', first = '', last = ''] = /t\+(\d+)\+(\d{20})-(\d{20})\.jsonl/.exec(name) ?? [];
    expect(content.endsWith('\n')).toBe(true);
    const rows = content.split('\n').slice(0, -1).map((it) => JSON.parse(it) as { partition: number; offset: number; text: string });
    expect([rows[0]?.offset, rows[rows.length - 1]?.offset]).toEqual([Number(first), Number(last)]);
    for (const row of rows) {
      if (row.partition !== Number(partition) || row.text !== 'ä'.repeat(row.offset % 50)) throw new Error(`a wrong line in ${name}: ${JSON.stringify(row)}`);
      seen[row.partition]?.push(row.offset);
    }
  }
  return seen;
}

test.each([
  ['one file a run', { 'rotate.records': '700' }],
  ['many files a run, compressed', { 'rotate.records': '900', 'path.template': '{topic}/{timestamp:ss}', compression: 'gzip', 'compression.level': '1' }],
])(
  `${KILLS} SIGKILLs: no partial file is ever visible, each record is there once (%s)`,
  async (_, settings) => {
    let kills = 0;
    while (kills < KILLS) {
      const { isDone, errors } = await live(settings, 5 + Math.random() * 60);
      expect(errors).toBe('');
      if (isDone) break;
      kills += 1;
      for (const offsets of offsetsSeen()) expect(new Set(offsets).size).toBe(offsets.length);
    }
    const { isDone, errors } = await live(settings);
    expect({ isDone, errors, kills }).toEqual({ isDone: true, errors: '', kills: KILLS });
    const all = Array.from({ length: RECORDS }, (__, i) => i);
    for (const offsets of offsetsSeen()) expect(offsets.sort((a, b) => a - b)).toEqual(all);
    expect(hiddenParts(folder)).toEqual([]);
  },
  120_000,
);
