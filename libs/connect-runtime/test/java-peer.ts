import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';

const JARS = path.join(process.env.PEERS_CACHE ?? path.join(homedir(), '.cache', 'millrace-peers'), 'kafka');

/** Why the real Java converter cannot be asked here, or undefined when it can. */
export function javaMissing(): string | undefined {
  if (!existsSync(path.join(JARS, '.complete'))) return 'the jars of Apache Kafka are not in the cache of the peers tool';
  return spawnSync('java', ['-version']).error ? 'java is not installed' : undefined;
}

/** Runs a Java source file of this folder with Kafka's jars; answers the lines that it printed. */
export function runJava(file: string, input: string): string[] {
  const output = execFileSync('java', ['-cp', `${JARS}/*`, path.join(__dirname, 'java', file)], { input, encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['pipe', 'pipe', 'ignore'] });
  return output.trimEnd().split('\n');
}
