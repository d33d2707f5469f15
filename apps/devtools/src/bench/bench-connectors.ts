import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connectorStatuses, endOffsets, peersMissing, putConnector } from '@millrace/testkit';
import { comparisonTable, type Figure } from './comparison.js';
import { startJava, startMillrace, type Deployment } from './deployment.js';
import { residentMib } from './process-usage.js';

export interface BenchConnectorsOptions {
  /** How many connectors at a time. */
  readonly counts: readonly number[];
  readonly rounds: number;
  /** In all, over all connectors. */
  readonly lines: number;
  readonly isAlone: boolean;
  readonly nodeArgs: readonly string[];
}

const LINE = `${'x'.repeat(98)}\n`;
const RUNS_WITHIN_MS = 300_000;

/** How a worker bears many connectors: Kafka's FileStreamSource, one task and one file each, on a fresh deployment for each count. */
export async function benchConnectors(options: BenchConnectorsOptions): Promise<void> {
  const missing = peersMissing();
  if (missing !== undefined) process.stdout.write(`without the Java side: ${missing}\n`);
  const sides = options.isAlone || missing !== undefined ? [() => startMillrace({ withWorker: true, nodeArgs: options.nodeArgs })] : [() => startMillrace({ withWorker: true, nodeArgs: options.nodeArgs }), () => startJava({ withWorker: true })];
  const figures: Figure[] = [];
  for (let round = 0; round < options.rounds; round++) {
    for (const count of options.counts) {
      for (const start of sides) {
        const deployment = await start();
        try {
          const measured = await measure(deployment, count, options.lines);
          for (const it of measured) process.stdout.write(`${it.side}: ${it.name} ${it.value.toFixed(1)} ${it.unit}\n`);
          figures.push(...measured);
        } finally {
          await deployment.stop();
        }
      }
    }
  }
  process.stdout.write(`\n${comparisonTable(figures)}\n`);
}

async function measure(deployment: Deployment, count: number, lines: number): Promise<Figure[]> {
  const { name: side, restUrl, bootstrap, pids } = deployment;
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-bench-files-'));
  const names = Array.from({ length: count }, (_, i) => `bench-${i}`);
  try {
    for (const it of names) fs.writeFileSync(path.join(folder, it), '');
    const begun = performance.now();
    for (const name of names) {
      await putConnector(() => restUrl, name, {
        'connector.class': 'FileStreamSource', 'tasks.max': '1', file: path.join(folder, name), topic: `${name}-lines`, 'batch.size': '2000',
        'key.converter': 'org.apache.kafka.connect.storage.StringConverter', 'value.converter': 'org.apache.kafka.connect.storage.StringConverter',
      });
    }
    await until(`${count} connectors run`, async () => {
      const statuses = await connectorStatuses(restUrl);
      return names.every((it) => {
        const status = statuses?.get(it);
        return status?.connector.state === 'RUNNING' && status.tasks.length === 1 && status.tasks[0]!.state === 'RUNNING';
      });
    });
    const startedMs = performance.now() - begun;
    const idleMib = residentMib(pids.at(-1)!);
    const share = Math.ceil(lines / count);
    const text = LINE.repeat(share);
    const loaded = performance.now();
    for (const it of names) fs.appendFileSync(path.join(folder, it), text);
    let loadedMib = 0;
    await until('every line is in its topic', async () => {
      loadedMib = Math.max(loadedMib, residentMib(pids.at(-1)!));
      return (await endOffsets(bootstrap, names.map((it) => `${it}-lines`))) >= share * count;
    });
    const seconds = (performance.now() - loaded) / 1000;
    const of = (what: string): string => `${count} connectors: ${what}`;
    return [
      { side, name: of('until all run'), value: startedMs / 1000, unit: 's', isBetter: 'lower' },
      { side, name: of('memory of the worker, idle'), value: idleMib, unit: 'MiB', isBetter: 'lower' },
      { side, name: of('memory of the worker, under load'), value: loadedMib, unit: 'MiB', isBetter: 'lower' },
      { side, name: of('lines'), value: (share * count) / seconds, unit: 'lines/s', isBetter: 'higher' },
    ];
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + RUNS_WITHIN_MS;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`not so within ${RUNS_WITHIN_MS} ms: ${what}`);
    await delay(100);
  }
}
