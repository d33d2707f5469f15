import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

/** What is wrong: partitions of which the folders do not all hold the same bytes, wherever their segments begin. The brokers must have stopped. */
export function replicaDifferences(dataFolders: readonly string[], topic: string, partitions: number): string[] {
  return Array.from({ length: partitions }, (_, partition) => {
    const logs = dataFolders.map((it) => logOf(path.join(it, `${topic}-${partition}`)));
    return logs.every((it) => it === logs[0]) ? [] : [`${topic}-${partition}: the replicas differ: ${logs.join(', ')}`];
  }).flat();
}

function logOf(folder: string): string {
  const hash = createHash('sha256');
  let bytes = 0;
  for (const name of fs.readdirSync(folder).filter((it) => it.endsWith('.log')).sort()) {
    const segment = fs.readFileSync(path.join(folder, name));
    hash.update(segment);
    bytes += segment.length;
  }
  return `${bytes} bytes ${hash.digest('hex').slice(0, 8)}`;
}
