/**
 * Lines a second that a task reads, polled as fast as it answers. `node test/read.bench.js` after compiling it.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { SourceRecord } from '@millrace/connect-api';
import { TaskDriver } from './task-driver.js';

const LINES = 3_000_000;

async function main(): Promise<void> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'file-source-bench-'));
  const cases: readonly (readonly [string, string, Readonly<Record<string, string>>])[] = [
    ['short lines (24 bytes)', 'a line of 24 bytes, ASCI\n', {}],
    ['lines of 100 bytes', `${'x'.repeat(100)}\n`, {}],
    ['lines of 100 bytes, not ASCII', `${'ä€ '.repeat(17)}\n`, {}],
    ['lines of 100 bytes, as bytes', `${'x'.repeat(100)}\n`, { 'value.type': 'bytes' }],
    ['ndjson of 60 bytes', '{"id":12345,"name":"somebody","price":12.5,"tags":["a","b"]}\n', { format: 'ndjson' }],
  ];
  for (const [name, line, settings] of cases) {
    const file = path.join(folder, 'in.log');
    const handle = fs.openSync(file, 'w');
    for (let i = 0; i < LINES; i += 10_000) fs.writeSync(handle, line.repeat(10_000));
    fs.closeSync(handle);
    const source = await new TaskDriver({ file, ...settings }).start();
    const startedMs = performance.now();
    let seen = 0;
    let last: SourceRecord | undefined;
    while (seen < LINES) {
      const records = await source.poll();
      seen += records.length;
      last = records[records.length - 1] ?? last;
    }
    const seconds = (performance.now() - startedMs) / 1000;
    process.stdout.write(`${name}: ${Math.round(seen / seconds).toLocaleString('en')} lines/s, ${Math.round(Number(last?.sourceOffset.position) / seconds / 1e6)} MB/s\n`);
    await source.stop();
  }
  fs.rmSync(folder, { recursive: true, force: true });
}

void main();
