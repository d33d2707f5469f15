import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { OperationalError } from '@millrace/foundation';

/** Kafka, its tools and Connect; then each plugin of Connect. The names are those of the pom files. */
const CONNECT_PLUGINS = ['connect-file', 'debezium-connector-postgres', 'debezium-connector-jdbc', 'debezium-connector-mongodb'] as const;
/** What the Connect worker brings itself and a plugin must not bring again. */
const SHARED_ARTIFACTS = 'connect-api,kafka-clients,jackson-annotations,jackson-core,jackson-databind,slf4j-api';

const poms = path.join(repositoryRoot(), 'config/tooling/peers');

/** The folder that holds the lock file, from sources as well as from the compiled form. */
export function repositoryRoot(): string {
  let folder = __dirname;
  while (!fs.existsSync(path.join(folder, 'config/tooling/architecture.json'))) folder = path.dirname(folder);
  return folder;
}

export function cacheFolder(): string {
  return process.env.PEERS_CACHE ?? path.join(os.homedir(), '.cache/millrace-peers');
}

export function pluginFolder(): string {
  return path.join(cacheFolder(), 'plugins');
}

/** The class path of Kafka, its clients, tools and Connect. */
export function peerClassPath(): string {
  return path.join(cacheFolder(), 'kafka', '*');
}

export function peerLoggingFile(): string {
  return path.join(poms, 'log4j2.properties');
}

/** Why Apache Kafka and its tools cannot be run here, or undefined when they can. Tests skip with this reason. */
export function peersMissing(): string | undefined {
  if (spawnSync('java', ['-version']).status !== 0) return 'java is not installed (17 or later)';
  if (!isFetched('kafka', path.join(cacheFolder(), 'kafka'))) return 'Apache Kafka is not fetched: run "npm run devtools -- peers fetch" (needs Maven)';
  return undefined;
}

/** Downloads what is missing from Maven Central into the cache (about 170 MB). */
export function fetchPeers(say: (line: string) => void): void {
  fetchOne('kafka', path.join(cacheFolder(), 'kafka'), '', say);
  for (const plugin of CONNECT_PLUGINS) fetchOne(plugin, path.join(pluginFolder(), plugin), SHARED_ARTIFACTS, say);
}

function pomOf(name: string): string {
  return path.join(poms, `${name}.pom.xml`);
}

function isFetched(name: string, folder: string): boolean {
  const marker = path.join(folder, '.complete');
  return fs.existsSync(marker) && fs.readFileSync(marker, 'utf8') === fs.readFileSync(pomOf(name), 'utf8');
}

function fetchOne(name: string, folder: string, excluded: string, say: (line: string) => void): void {
  if (isFetched(name, folder)) return;
  if (spawnSync('mvn', ['-v']).status !== 0) throw new OperationalError('PEERS_NEED_MAVEN', 'mvn is not installed: the peers come from Maven Central');
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  execFileSync('mvn', ['-B', '-q', '-f', pomOf(name), 'dependency:copy-dependencies', `-DoutputDirectory=${folder}`, '-DincludeScope=runtime', `-DexcludeArtifactIds=${excluded}`], { stdio: ['ignore', 'ignore', 'pipe'] });
  fs.copyFileSync(pomOf(name), path.join(folder, '.complete'));
  say(`fetched ${name}: ${fs.readdirSync(folder).length} files`);
}
