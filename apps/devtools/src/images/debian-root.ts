import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const CERTIFICATES = 'etc/ssl/certs/ca-certificates.crt';

/**
 * A minimal Debian tree with this machine's Node, its npm, and the certificates that this machine trusts (behind a proxy with an authority
 * of its own nothing could be downloaded otherwise). It has the user `node` with uid 1000, as the official image of Node has.
 */
export function makeDebianRoot(folder: string, packages: readonly string[]): void {
  run('debootstrap', ['--variant=minbase', `--include=${['libstdc++6', 'ca-certificates', ...packages].join(',')}`, 'bookworm', folder, debianMirror()]);
  fs.rmSync(path.join(folder, 'var/cache/apt/archives'), { recursive: true, force: true });
  fs.rmSync(path.join(folder, 'var/lib/apt/lists'), { recursive: true, force: true });
  fs.copyFileSync(process.execPath, path.join(folder, 'usr/bin/node'));
  fs.chmodSync(path.join(folder, 'usr/bin/node'), 0o755);
  const npm = path.join(run('npm', ['root', '--global']).trim(), 'npm');
  fs.cpSync(npm, path.join(folder, 'usr/lib/node_modules/npm'), { recursive: true });
  fs.symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', path.join(folder, 'usr/bin/npm'));
  const trusted = process.env['NODE_EXTRA_CA_CERTS'];
  if (trusted !== undefined && fs.existsSync(trusted)) fs.copyFileSync(trusted, path.join(folder, CERTIFICATES));
  fs.appendFileSync(path.join(folder, 'etc/passwd'), 'node:x:1000:1000::/home/node:/bin/sh\n');
  fs.appendFileSync(path.join(folder, 'etc/group'), 'node:x:1000:\n');
  fs.mkdirSync(path.join(folder, 'home/node'));
  fs.chownSync(path.join(folder, 'home/node'), 1000, 1000);
}

/** The settings that an image of such a tree needs. */
export const DEBIAN_ROOT_ENVIRONMENT: readonly string[] = ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', `NODE_EXTRA_CA_CERTS=/${CERTIFICATES}`];

/** Where this machine takes its own packages from, if it is a Debian. */
function debianMirror(): string {
  const folder = '/etc/apt/sources.list.d';
  const sources = fs.existsSync(folder) ? fs.readdirSync(folder).map((it) => fs.readFileSync(path.join(folder, it), 'utf8')) : [];
  const list = fs.existsSync('/etc/apt/sources.list') ? fs.readFileSync('/etc/apt/sources.list', 'utf8') : '';
  return /^URIs:\s*(\S+\/debian)\/?$/m.exec(sources.join('\n'))?.[1] ?? /^deb\s+(\S+\/debian)\/?\s/m.exec(list)?.[1] ?? 'http://deb.debian.org/debian';
}

function run(command: string, args: readonly string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 64 * 1024 * 1024 });
}
