import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { exitWithReason } from '@millrace/hosting';
import { DevHost } from './dev-host.js';
import { liveLine, panelText } from './panel.js';

interface DevFlags {
  readonly brokers: string;
  readonly workers: string;
  readonly brokerPort: string;
  readonly connectPort: string;
  readonly postgresPort: string;
  readonly dataDir: string;
  readonly host: string;
  readonly demo: boolean;
}

const REFRESH_MS = 1_000;
/** Without a terminal the line is printed anew, less often. */
const REFRESH_PLAIN_MS = 10_000;
const STOP_WITHIN_MS = 10_000;
/** In one process, on one machine. */
const COUNT_MAX = 9;

export function addDevCommand(program: Command): void {
  program
    .command('dev')
    .description('brokers, Connect workers and a demo in one process')
    .option('--brokers <number>', 'how many form the cluster; each is a controller too', '1')
    .option('--workers <number>', 'how many Connect workers share the connectors', '1')
    .option('--broker-port <port>', 'of the first broker; the others have the next ones', '9092')
    .option('--connect-port <port>', 'of the first Connect REST interface; the others have the next ones', '8083')
    .option('--postgres-port <port>', 'of the demo databases', '5433')
    .option('--data-dir <folder>', 'where everything is kept', '.millrace')
    .option('--host <address>', 'to listen on; clients are told 127.0.0.1', '127.0.0.1')
    .option('--no-demo', 'only brokers and workers')
    .action(async (flags: DevFlags) => run(flags));
}

async function run(flags: DevFlags): Promise<void> {
  const host = new DevHost({
    brokers: countOf(flags.brokers, '--brokers'),
    workers: countOf(flags.workers, '--workers'),
    brokerPort: portOf(flags.brokerPort, '--broker-port'),
    connectPort: portOf(flags.connectPort, '--connect-port'),
    postgresPort: portOf(flags.postgresPort, '--postgres-port'),
    dataFolder: path.resolve(flags.dataDir),
    host: flags.host,
    withDemo: flags.demo,
    pluginRoots: [path.resolve(__dirname, '../../..'), process.cwd()],
  });
  const stopping = new AbortController();
  stopOnSignal(host, stopping);
  try {
    process.stdout.write(`${panelText(await host.start())}\n`);
    await showFigures(host, stopping.signal);
  } catch (error) {
    if (stopping.signal.aborted) return;
    process.stdout.write('\n');
    await host.stop();
    exitWithReason(error);
  }
}

function portOf(text: string, flag: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65535) throw Object.assign(new Error(`${flag} ${text}: expected a port from 1 to 65535`), { code: 'CONFIG_PORT' });
  return port;
}

function countOf(text: string, flag: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > COUNT_MAX) throw Object.assign(new Error(`${flag} ${text}: expected a number from 1 to ${COUNT_MAX}`), { code: 'CONFIG_COUNT' });
  return count;
}

function stopOnSignal(host: DevHost, stopping: AbortController): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stopping.signal.aborted) process.exit(1);
      stopping.abort();
      process.stdout.write('\n  Stopping ...');
      const begun = performance.now();
      setTimeout(() => process.exit(1), STOP_WITHIN_MS).unref();
      host.stop().then(
        () => {
          process.stdout.write(` done in ${((performance.now() - begun) / 1000).toFixed(1)} s; the data is kept.\n`);
          process.exit(0);
        },
        exitWithReason,
      );
    });
  }
}

async function showFigures(host: DevHost, signal: AbortSignal): Promise<void> {
  const { isTTY } = process.stdout;
  while (!signal.aborted) {
    const line = liveLine(await host.figures());
    if (!signal.aborted) process.stdout.write(isTTY ? `\r\x1b[K${line}` : `${line}\n`);
    await delay(isTTY ? REFRESH_MS : REFRESH_PLAIN_MS, undefined, { signal }).catch(() => undefined);
  }
}
