/** Records a second that a task takes and makes durable, in puts of 2,000, rotation as by default. `node test/put.bench.js` after compiling it. */
import { Schema, type SinkRecord, Struct } from '@millrace/connect-api';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { record, SinkDriver } from './sink-driver.js';

const ROW = Schema.struct({ id: Schema.of('int64'), name: Schema.of('string'), price: Schema.of('double'), country: Schema.of('string') });
const BATCH = 2000;
const BATCHES = 300;

async function main(): Promise<void> {
  const cases: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
    ['json', {}], ['csv', { format: 'csv' }], ['json, gzip', { compression: 'gzip' }], ['json, a folder by field (20)', { 'path.template': '{topic}/{value.country}' }], ['append (text of Java)', { file: 'out' }],
  ];
  for (const [name, settings] of cases) {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'file-sink-bench-'));
    const where: Record<string, string> = 'file' in settings ? { file: path.join(folder, 'out') } : { directory: folder, ...settings };
    const sink = await new SinkDriver(where, [[]]).start();
    let seconds = 0;
    for (let batch = 0; batch < BATCHES; batch++) {
      const records: SinkRecord[] = Array.from({ length: BATCH }, (_, i) => {
        const id = batch * BATCH + i;
        return record(id, new Struct(ROW, { id: BigInt(id), name: `somebody ${id}`, price: id / 4, country: `c${id % 20}` }), { valueSchema: ROW });
      });
      const startedMs = performance.now();
      await sink.put(records);
      seconds += (performance.now() - startedMs) / 1000;
    }
    const startedMs = performance.now();
    await sink.preCommit();
    await sink.stop();
    seconds += (performance.now() - startedMs) / 1000;
    process.stdout.write(`${name}: ${Math.round((BATCH * BATCHES) / seconds).toLocaleString('en')} records/s\n`);
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

void main();
