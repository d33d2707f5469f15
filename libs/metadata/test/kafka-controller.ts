import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { peerClassPath, temporaryFolder } from '@millrace/testkit';

/** Asks Apache Kafka's own controller classes (`ControllerJudge.java`): a line of JSON for each case. */
export function askKafkaController(mode: 'change' | 'drive', cases: readonly unknown[]): unknown[] {
  const folder = temporaryFolder('controller-judge');
  try {
    const compiled = spawnSync('javac', ['-nowarn', '-d', folder.path, '-cp', peerClassPath(), join(__dirname, 'ControllerJudge.java')], { encoding: 'utf8' });
    if (compiled.status !== 0) throw new Error(compiled.stderr);
    const input = cases.map((it) => JSON.stringify(it)).join('\n') + '\n';
    const java = spawnSync('java', ['-Xmx512m', '-cp', `${folder.path}:${peerClassPath()}`, 'org.apache.kafka.controller.ControllerJudge', mode], { input, encoding: 'utf8', maxBuffer: 2 ** 28 });
    if (java.status !== 0) throw new Error(java.stderr.slice(0, 4000));
    return java.stdout
      .trimEnd()
      .split('\n')
      .filter((line) => line.startsWith('{') || line === 'null')
      .map((line): unknown => JSON.parse(line));
  } finally {
    folder.remove();
  }
}

/**
 * What we do not do as Kafka: a replica that was moved away stays eligible there, and comes back eligible with an empty log; and a partition that is reassigned
 * without a leader gets -1 as its last known one.
 */
export function withoutKnownDefects(partition: unknown): unknown {
  if (partition === null || typeof partition !== 'object' || !('replicas' in partition)) return partition;
  const { replicas, eligibleLeaderReplicas, lastKnownElr } = partition as { replicas: number[]; eligibleLeaderReplicas: number[]; lastKnownElr: number[] };
  return { ...partition, eligibleLeaderReplicas: eligibleLeaderReplicas.filter((id) => replicas.includes(id)), lastKnownElr: lastKnownElr.filter((id) => id >= 0) };
}
