import { setTimeout as delay } from 'node:timers/promises';
import { waitFor } from '../flow/flow.js';
import type { BrokerCluster, ClusterBroker } from '../processes/broker-cluster.js';
import { clusterMetadata } from '../processes/cluster-metadata.js';
import { ErrorTally } from './error-tally.js';
import { KafkaJsReader, MillraceReader, type RollingReader } from './rolling-readers.js';
import { KafkaJsWriter, MillraceWriter } from './rolling-writers.js';

export interface RollingRestartOptions {
  readonly cluster: BrokerCluster;
  /** What is done to the brokers, one after the other. */
  readonly rounds: readonly ('stop' | 'kill')[];
  readonly partitions: number;
  /** Of load before each of them. */
  readonly calmMs: number;
  readonly say: (line: string) => void;
}

/** One broker's turn. */
export interface BrokerTurn {
  readonly broker: number;
  readonly how: 'stop' | 'kill';
  /** From the signal until the metadata of the others has another leader for each partition that it led. */
  readonly leadersMovedMs: number;
  /** The longest time in which a partition was acknowledged nothing, by client. */
  readonly ackGapMs: Readonly<Record<string, number>>;
}

export interface RollingRestartVerdict {
  readonly turns: readonly BrokerTurn[];
  readonly acknowledged: number;
  /** What clients met, and how often. */
  readonly errors: ReadonlyMap<string, number>;
  /** Records that a group read again, which it may above its commits. */
  readonly repeats: number;
  readonly problems: readonly string[];
}

const TOPIC = 'rolling';
const PAUSE_MS = 5;
const WITHIN_MS = 120_000;

/**
 * The brokers of a cluster are ended and started again one after the other under producers and consumer groups of two clients. Judged are the errors that they meet, what the groups read
 * across the moves of their coordinators and the changes of their members, and that all that was acknowledged is there. How long leaders take to move is measured, not judged.
 */
export async function rollingRestart(options: RollingRestartOptions): Promise<RollingRestartVerdict> {
  const { cluster, partitions, say } = options;
  await cluster.createTopic(TOPIC, partitions);
  const errors = new ErrorTally();
  const common = { bootstrap: cluster.bootstrap, topic: TOPIC, errors };
  const writers = [new MillraceWriter({ ...common, partitions, pauseMs: PAUSE_MS }), new KafkaJsWriter({ ...common, partitions, pauseMs: PAUSE_MS })];
  const readers: RollingReader[] = [new MillraceReader(common), new KafkaJsReader(common)];
  const turns: BrokerTurn[] = [];
  for (const it of [...writers, ...readers]) await it.start();
  for (const how of options.rounds) {
    for (const broker of cluster.brokers) {
      await delay(options.calmMs);
      for (const it of writers) it.takeLongestGapMs();
      const leadersMovedMs = await endAndWatch(cluster, broker, how);
      // The successor of a member begins where the group has committed, with the coordinator that has just taken over.
      for (const it of readers) await it.stop();
      for (const it of readers) await it.start();
      await broker.start();
      await waitFor(`all replicas are in sync after broker ${broker.id} came back`, WITHIN_MS, () => cluster.isWhole());
      const ackGapMs = Object.fromEntries(writers.map((it) => [it.name, Math.round(it.takeLongestGapMs())]));
      turns.push({ broker: broker.id, how, leadersMovedMs, ackGapMs });
      say(`${how} of broker ${broker.id}: leaders moved after ${Math.round(leadersMovedMs)} ms; longest time without an acknowledgement ${JSON.stringify(ackGapMs)}`);
    }
  }
  for (const it of writers) await it.stop();
  const acknowledged = writers.flatMap((it) => it.acknowledged);
  const problems: string[] = [];
  for (const { progress } of readers) {
    await waitFor(`group ${progress.name} has read all`, WITHIN_MS, async () => acknowledged.every((it) => progress.values.has(it))).catch(() => {
      problems.push(`group ${progress.name}: ${acknowledged.filter((it) => !progress.values.has(it)).length} acknowledged records were never read`);
    });
  }
  for (const it of readers) await it.stop();
  const groups = readers.map((it) => it.progress);
  problems.push(...errors.problems(), ...groups.flatMap((it) => it.problems));
  return { turns, acknowledged: acknowledged.length, errors: errors.seen(), repeats: groups.reduce((sum, it) => sum + it.repeats, 0), problems };
}

/** How long the others show it as a leader. Resolves when the process has ended too. */
async function endAndWatch(cluster: BrokerCluster, broker: ClusterBroker, how: 'stop' | 'kill'): Promise<number> {
  const others = cluster.brokers.filter((it) => it !== broker);
  const begun = performance.now();
  const ended = how === 'stop' ? broker.stop() : broker.kill();
  const slowest = await Promise.all(
    others.map(async ({ address }) => {
      await waitFor(`nothing is led by broker ${broker.id} any more`, WITHIN_MS, async () => (await clusterMetadata(address))?.partitions.every((it) => it.leader >= 0 && it.leader !== broker.id) === true);
      return performance.now() - begun;
    }),
  );
  await ended;
  return Math.max(...slowest);
}
