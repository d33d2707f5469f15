import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const KILLS = 20;
const FILES = 4;
const SCRIPT = path.join(__dirname, '../test/killed-source.cjs');
let folder: string;
beforeEach(() => (folder = fs.mkdtempSync(path.join(os.tmpdir(), 'file-source-'))));
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

/** Resolves when the task has started; the process is watched by chokidar as in a worker. */
async function launch(journal: string, onError: (text: string) => void, settings: Readonly<Record<string, string>> = {}): Promise<ChildProcess> {
  const child = spawn(process.execPath, [SCRIPT, folder, journal, JSON.stringify({ 'scan.interval.ms': '20', 'batch.size': '300', 'rotate.wait.ms': '100', ...settings })]);
  child.stderr.on('data', (chunk: Buffer) => onError(chunk.toString()));
  await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
  return child;
}

function journaled(journal: string): string[] {
  if (!fs.existsSync(journal)) return [];
  const text = fs.readFileSync(journal, 'utf8');
  return text.slice(0, text.lastIndexOf('\n') + 1).split('\n').slice(0, -1).flatMap((it) => (JSON.parse(it) as { values: string[] }).values);
}

/** A wait that comes to its end is an error of its own: what is missing must not pass for slowness. */
async function untilJournaled(journal: string, count: number, deadlineMs: number): Promise<void> {
  const deadline = Date.now() + deadlineMs;
  for (let lines = journaled(journal).length; lines < count; lines = journaled(journal).length) {
    if (Date.now() > deadline) throw new Error(`${lines} of ${count} lines after ${deadlineMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test(`${KILLS} SIGKILLs while files are written and rotated: every line once`, async () => {
  const journal = path.join(folder, 'journal');
  const next = new Array<number>(FILES).fill(0);
  const file = (i: number): string => path.join(folder, `app${i}.log`);
  const line = (i: number, n: number): string => `${i}:${n}:${'ä'.repeat(n % 60)}`;
  let errors = '';
  const write = (): void => {
    for (let i = 0; i < FILES; i++) {
      let text = '';
      for (let k = 0; k < 30; k++) text += `${line(i, next[i]!++)}\n`;
      fs.appendFileSync(file(i), text);
      if (Math.random() > 0.02) continue;
      for (let n = 40; n >= 1; n--) if (fs.existsSync(`${file(i)}.${n}`)) fs.renameSync(`${file(i)}.${n}`, `${file(i)}.${n + 1}`);
      fs.renameSync(file(i), `${file(i)}.1`);
    }
  };
  const until = (count: number): Promise<void> => untilJournaled(journal, count, 60_000);
  // The connector knows of each file before the first is rotated: what was rotated before its time is not its.
  for (let i = 0; i < FILES; i++) fs.appendFileSync(file(i), `${line(i, next[i]!++)}\n`);
  const first = await launch(journal, (it) => (errors += it));
  await until(FILES);
  first.kill('SIGKILL');
  for (let kills = 1; kills < KILLS; kills++) {
    const child = await launch(journal, (it) => (errors += it));
    const writer = setInterval(write, 2);
    const gone = once(child, 'exit');
    await new Promise((resolve) => setTimeout(resolve, 30 + Math.random() * 120));
    child.kill('SIGKILL');
    await gone;
    clearInterval(writer);
  }
  const child = await launch(journal, (it) => (errors += it));
  const total = next.reduce((a, b) => a + b, 0);
  await until(total);
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
  const seen = Array.from({ length: FILES }, () => new Map<number, number>());
  for (const it of journaled(journal)) {
    const [i, n] = it.split(':').map(Number) as [number, number];
    if (it !== line(i, n)) throw new Error(`a wrong line: ${it}`);
    seen[i]?.set(n, (seen[i].get(n) ?? 0) + 1);
  }
  expect(errors).toBe('');
  expect(seen.map((it, i) => ({ lines: it.size, missing: Array.from({ length: next[i]! }, (_, n) => n).filter((n) => !it.has(n)).slice(0, 5), repeated: [...it].filter(([, count]) => count > 1).length }))).toEqual(
    next.map((lines) => ({ lines, missing: [], repeated: 0 })),
  );
}, 180_000);

test('the watcher (chokidar, in a process of its own: Jest cannot load ES modules) reports what a scan would find an hour later', async () => {
  const journal = path.join(folder, 'journal');
  let errors = '';
  fs.writeFileSync(path.join(folder, 'a.log'), 'a0\n');
  const child = await launch(journal, (it) => (errors += it), { 'scan.interval.ms': '3600000' });
  const until = (count: number): Promise<void> => untilJournaled(journal, count, 10_000);
  await until(1);
  fs.writeFileSync(path.join(folder, 'new.log'), 'new0\n');
  await until(2);
  fs.renameSync(path.join(folder, 'new.log'), path.join(folder, 'renamed.log'));
  fs.appendFileSync(path.join(folder, 'renamed.log'), 'new1\n');
  await until(3);
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
  expect({ errors, lines: journaled(journal) }).toEqual({ errors: '', lines: ['a0', 'new0', 'new1'] });
}, 60_000);
