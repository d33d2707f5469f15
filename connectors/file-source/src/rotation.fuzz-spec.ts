import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import zlib from 'node:zlib';
import fc from 'fast-check';
import type { SourceRecord } from '@millrace/connect-api';
import { OffsetStore } from '@millrace/connect-testkit';
import { TaskDriver } from '../test/task-driver.js';

/** Shorter files have no identity but their inode: a copy of one is not known again after a restart, so short files are only renamed here. */
const FINGERPRINT_BYTES = 64;

type Step =
  | { readonly do: 'append'; readonly lines: number; readonly isTorn: boolean }
  | { readonly do: 'rename' | 'copy' | 'truncate' | 'compress' | 'crash' | 'commit' }
  | { readonly do: 'poll'; readonly times: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('append' as const), lines: fc.integer({ min: 1, max: 30 }), isTorn: fc.boolean() }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('poll' as const), times: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('rename' as const, 'copy' as const, 'truncate' as const, 'compress' as const, 'crash' as const, 'commit' as const) }) },
);

/** A program that writes lines, and what rotates its file: what was written is known line by line. */
class Writer {
  readonly written: string[] = [];
  private torn = '';
  private clockS = Math.floor(Date.now() / 1000);
  /** A copy was made, and nothing written since. */
  private isCopied = false;

  constructor(
    private readonly folder: string,
    private readonly isShort: boolean,
  ) {}

  private get file(): string {
    return path.join(this.folder, 'app.log');
  }
  private rotated(n: number): string | undefined {
    return [`app.log.${n}`, `app.log.${n}.gz`].map((it) => path.join(this.folder, it)).find((it) => fs.existsSync(it));
  }

  append(lines: number, isTorn: boolean): void {
    let text = '';
    for (let i = 0; i < lines; i++) {
      const line = `${this.written.length}:${'ä€'.repeat(this.written.length % 7)}${this.isShort ? '' : '.'.repeat(FINGERPRINT_BYTES)}`;
      this.written.push(line);
      text += `${line}${this.written.length % 5 === 0 ? '\r\n' : '\n'}`;
    }
    text = this.torn + text;
    this.torn = isTorn ? text.slice(-3) : '';
    this.put(isTorn ? text.slice(0, -3) : text);
  }

  rename(): void {
    this.mend();
    if (!fs.existsSync(this.file) || fs.statSync(this.file).size === 0) return;
    this.makeRoom();
    fs.renameSync(this.file, path.join(this.folder, 'app.log.1'));
    this.isCopied = false;
  }

  copy(): void {
    this.mend();
    if (!fs.existsSync(this.file) || fs.statSync(this.file).size === 0 || this.isCopied || this.isShort) return;
    this.makeRoom();
    fs.copyFileSync(this.file, path.join(this.folder, 'app.log.1'));
    this.touch(path.join(this.folder, 'app.log.1'));
    this.isCopied = true;
  }

  /** Only what was copied, and not written to since: what comes in between is lost to everybody. */
  truncate(): void {
    if (!this.isCopied) return;
    fs.truncateSync(this.file);
    this.touch(this.file);
    this.isCopied = false;
  }

  compress(): void {
    const file = path.join(this.folder, 'app.log.2');
    if (!fs.existsSync(file) || this.isShort) return;
    const { atime, mtime } = fs.statSync(file);
    fs.writeFileSync(`${file}.gz`, zlib.gzipSync(fs.readFileSync(file)));
    fs.utimesSync(`${file}.gz`, atime, mtime);
    fs.rmSync(file);
  }

  /** A line that is written in two pieces is whole before anything else happens to its file. */
  mend(): void {
    if (this.torn === '') return;
    const { torn } = this;
    this.torn = '';
    this.put(torn);
  }

  private put(text: string): void {
    // A copied file that is not truncated after all goes on: its copy is one of many.
    if (this.isCopied) this.truncate();
    fs.appendFileSync(this.file, text);
    this.touch(this.file);
  }

  private makeRoom(): void {
    let last = 1;
    while (this.rotated(last) !== undefined) last += 1;
    for (let n = last - 1; n >= 1; n--) {
      const from = this.rotated(n);
      if (from !== undefined) fs.renameSync(from, path.join(this.folder, `app.log.${n + 1}${from.endsWith('.gz') ? '.gz' : ''}`));
    }
  }

  /** Changes are seconds apart, as those of files that are rotated are. */
  private touch(file: string): void {
    this.clockS += 1;
    fs.utimesSync(file, this.clockS, this.clockS);
  }
}

describe.each([
  ['one stream', (folder: string) => ({ file: path.join(folder, 'app.log') })],
  ['a stream for each file, rotated names not included', (folder: string) => ({ include: path.join(folder, '*.log') })],
  ['a stream for each file, rotated names included', (folder: string) => ({ include: path.join(folder, 'app.log*') })],
])('%s', (name, configOf) => {
  test(
    'every line once, in the order of its file, through any order of writes, rotations, truncations, compressions, crashes and commits',
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), fc.integer({ min: 1, max: 40 }), fc.boolean(), async (steps, batch, isShort) => {
          const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'file-source-'));
          const writer = new Writer(folder, isShort);
          const offsets = new OffsetStore();
          // Records and offsets of a transaction: both or neither.
          const stored: SourceRecord[] = [];
          let pending: SourceRecord[] = [];
          const config = { ...configOf(folder), 'fingerprint.bytes': String(FINGERPRINT_BYTES), 'batch.size': String(batch), 'last.line.idle.ms': '-1', 'scan.interval.ms': '1', 'rotate.wait.ms': '0' };
          const launch = (): Promise<TaskDriver> => new TaskDriver(config, offsets).start();
          let source = await launch();
          const commit = (): void => {
            source.commit(...pending);
            stored.push(...pending);
            pending = [];
          };
          try {
            // A connector that knows nothing yet cannot tell rotated files that it missed from those of before its time.
            writer.append(3, false);
            while (pending.length === 0) pending.push(...(await source.poll()));
            commit();
            for (const it of steps) {
              if (it.do === 'append') writer.append(it.lines, it.isTorn);
              else if (it.do === 'poll') for (let i = 0; i < it.times; i++) pending.push(...(await source.poll()));
              else if (it.do === 'commit') commit();
              else if (it.do === 'crash') {
                await source.stop();
                pending = [];
                source = await launch();
              } else writer[it.do]();
            }
            writer.mend();
            for (let empty = 0; empty < 4; ) {
              const records = await source.poll();
              pending.push(...records);
              empty = records.length === 0 ? empty + 1 : 0;
            }
            commit();
            await source.stop();
            // And nothing more is found by a life that begins now.
            source = await launch();
            for (let i = 0; i < 3; i++) pending.push(...(await source.poll()));
            commit();
            const got = stored.map((it) => it.value as string);
            if (name === 'one stream') expect(got).toEqual(writer.written);
            else {
              expect([...got].sort(byNumber)).toEqual(writer.written);
              for (const lines of byFile(stored)) expect([...lines].sort(byNumber)).toEqual(lines);
            }
          } finally {
            await source.stop();
            fs.rmSync(folder, { recursive: true, force: true });
          }
        }),
        { numRuns: Number(process.env.FUZZ_RUNS ?? 25), seed: 20261121, ...(process.env.FUZZ_SEED === undefined ? {} : { seed: Number(process.env.FUZZ_SEED) }) },
      );
    },
    600_000,
  );
});

function byNumber(a: string, b: string): number {
  return Number.parseInt(a, 10) - Number.parseInt(b, 10);
}

function byFile(records: readonly SourceRecord[]): string[][] {
  const files = new Map<unknown, string[]>();
  for (const it of records) {
    const key = JSON.stringify(it.sourcePartition);
    files.set(key, [...(files.get(key) ?? []), it.value as string]);
  }
  return [...files.values()];
}
