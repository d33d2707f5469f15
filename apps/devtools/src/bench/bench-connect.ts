import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { EmbeddedPostgres } from '@millrace/embedded-postgres';
import { peersMissing, repositoryRoot } from '@millrace/testkit';
import { comparisonTable, type Figure } from './comparison.js';
import { startJava, startMillrace, type Deployment } from './deployment.js';

export interface BenchConnectOptions {
  readonly rows: number;
  readonly rounds: number;
  readonly steps: readonly string[];
  /** Only our side, without a ratio. */
  readonly isAlone: boolean;
  readonly nodeArgs: readonly string[];
}

interface StepResult {
  readonly step: string;
  readonly rows_per_s?: number;
  readonly p50_ms?: number;
  readonly p99_ms?: number;
  readonly rss_mib?: number;
}

/** Change capture, snapshot, sink and latency of whole deployments, ours and Java's, on one PostgreSQL: apps/devtools/bench/connect-bench.py judges both. */
export async function benchConnect(options: BenchConnectOptions): Promise<void> {
  const missing = peersMissing();
  const alone = options.isAlone || missing !== undefined;
  if (missing !== undefined) process.stdout.write(`without the Java side: ${missing}\n`);
  const python = pythonWithPackages();
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-bench-pg-'));
  fs.chmodSync(folder, 0o755);
  const postgres = await EmbeddedPostgres.start({ folder: path.join(folder, 'server'), settings: { max_wal_size: '8GB', shared_buffers: '256MB' } });
  const figures: Figure[] = [];
  try {
    for (let round = 0; round < options.rounds; round++) {
      for (const start of alone ? [() => startMillrace({ withWorker: true, nodeArgs: options.nodeArgs })] : [() => startMillrace({ withWorker: true, nodeArgs: options.nodeArgs }), () => startJava({ withWorker: true })]) {
        const deployment = await start();
        try {
          figures.push(...(await measure(deployment, postgres, python, options)));
        } finally {
          await deployment.stop();
        }
      }
    }
  } finally {
    await postgres.stop();
    fs.rmSync(folder, { recursive: true, force: true });
  }
  process.stdout.write(`\n${comparisonTable(figures)}\n`);
}

async function measure(deployment: Deployment, postgres: EmbeddedPostgres, python: string, options: BenchConnectOptions): Promise<Figure[]> {
  const { name: side } = deployment;
  const figures: Figure[] = [{ side, name: 'worker start', value: (deployment.workerStartMs ?? 0) / 1000, unit: 's', isBetter: 'lower' }];
  const script = path.join(repositoryRoot(), 'apps/devtools/bench/connect-bench.py');
  const { host, port, user } = postgres;
  const args = [script, '--rest', deployment.restUrl, '--bootstrap', deployment.bootstrap, '--pg', `host=${host} port=${port} user=${user}`, '--label', side, '--rows', String(options.rows), '--pids', deployment.pids.join(','), ...options.steps];
  const child = spawn(python, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let rss = 0;
  for await (const line of readline.createInterface({ input: child.stdout })) {
    process.stdout.write(`${line}\n`);
    if (!line.startsWith('{')) continue;
    const result = JSON.parse(line) as StepResult;
    rss = Math.max(rss, result.rss_mib ?? 0);
    if (result.rows_per_s !== undefined) figures.push({ side, name: result.step, value: result.rows_per_s, unit: 'rows/s', isBetter: 'higher' });
    if (result.p50_ms !== undefined) figures.push({ side, name: 'latency p50', value: result.p50_ms, unit: 'ms', isBetter: 'lower' });
    if (result.p99_ms !== undefined) figures.push({ side, name: 'latency p99', value: result.p99_ms, unit: 'ms', isBetter: 'lower' });
  }
  figures.push({ side, name: 'memory, broker and worker', value: rss, unit: 'MiB', isBetter: 'lower' });
  return figures;
}

/** A virtual environment of the bench's own, made once. */
function pythonWithPackages(): string {
  const folder = path.join(os.homedir(), '.cache/millrace-bench-python');
  const python = path.join(folder, 'bin/python3');
  if (!fs.existsSync(path.join(folder, '.complete'))) {
    process.stdout.write('making a Python environment for the bench (once)\n');
    execFileSync('python3', ['-m', 'venv', folder]);
    execFileSync(python, ['-m', 'pip', 'install', '-q', 'confluent-kafka', 'psycopg[binary]', 'requests']);
    fs.writeFileSync(path.join(folder, '.complete'), '');
  }
  return python;
}
