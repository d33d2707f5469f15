import { setTimeout as delay } from 'node:timers/promises';
import { waitFor } from '../flow/flow.js';
import { settles } from '../flow/settles.js';
import type { BrokerCluster, ClusterBroker } from '../processes/broker-cluster.js';
import { clusterMetadata } from '../processes/cluster-metadata.js';
import { ErrorTally } from './error-tally.js';
import { KafkaJsReader, MillraceReader, type RollingReader } from './rolling-readers.js';
import { kafkaJsWriter, millraceWriter, type RollingWriter } from './rolling-writers.js';

export interface RollingRestartOptions {
  readonly cluster: BrokerCluster;
  /** What is done to which broker, one after the other: each is back and in sync before the next. */
  readonly turns: readonly { readonly broker: number; readonly how: 'stop' | 'kill' }[];
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
/** Of one step of a client: a consumer of ours closes within half a minute, whatever the cluster does. */
const STEP_MS = 45_000;

/**
 * The brokers of a cluster are ended and started again one after the other under producers and consumer groups of two clients. Judged are the errors that they meet, what the groups read
 * across the moves of their coordinators and the changes of their members, and that all that was acknowledged is there. How long leaders take to move is measured, not judged.
 */
export async function rollingRestart(options: RollingRestartOptions): Promise<RollingRestartVerdict> {
  const { cluster, partitions } = options;
  await settles('creation of the topic', WITHIN_MS, cluster.createTopic(TOPIC, partitions));
  const errors = new ErrorTally();
  const common = { bootstrap: cluster.bootstrap, topic: TOPIC, errors };
  const writers = [millraceWriter({ ...common, partitions, pauseMs: PAUSE_MS }), kafkaJsWriter({ ...common, partitions, pauseMs: PAUSE_MS })];
  const readers: RollingReader[] = [new MillraceReader(common), new KafkaJsReader(common)];
  try {
    const turns = await underLoad(options, writers, readers);
    const acknowledged = writers.flatMap((it) => it.acknowledged);
    const problems = await neverRead(acknowledged, readers);
    for (const it of readers) await settles(`stop of the reader ${it.progress.name}`, STEP_MS, it.stop());
    const groups = readers.map((it) => it.progress);
    problems.push(...errors.problems(), ...groups.flatMap((it) => it.problems));
    return { turns, acknowledged: acknowledged.length, errors: errors.seen(), repeats: groups.reduce((sum, it) => sum + it.repeats, 0), problems };
  } catch (error) {
    await Promise.allSettled([...writers, ...readers].map((it) => settles('the load ends', STEP_MS, it.stop())));
    throw error;
  }
}

/** Writers have come to their end afterwards; readers go on. */
async function underLoad({ cluster, turns, calmMs, say }: RollingRestartOptions, writers: readonly RollingWriter[], readers: readonly RollingReader[]): Promise<BrokerTurn[]> {
  const taken: BrokerTurn[] = [];
  for (const it of writers) await settles(`start of the writer ${it.name}`, STEP_MS, it.start());
  for (const it of readers) await settles(`start of the reader ${it.progress.name}`, STEP_MS, it.start());
  for (const { broker, how } of turns) {
    await delay(calmMs);
    for (const it of writers) it.takeLongestGapMs();
    const leadersMovedMs = await takeTurn(cluster, cluster.broker(broker), how, readers);
    const ackGapMs = Object.fromEntries(writers.map((it) => [it.name, Math.round(it.takeLongestGapMs())]));
    taken.push({ broker, how, leadersMovedMs, ackGapMs });
    say(`${how} of broker ${broker}: leaders moved after ${Math.round(leadersMovedMs)} ms; longest time without an acknowledgement ${JSON.stringify(ackGapMs)}`);
  }
  for (const it of writers) await settles(`stop of the writer ${it.name}`, STEP_MS, it.stop());
  return taken;
}

async function neverRead(acknowledged: readonly string[], readers: readonly RollingReader[]): Promise<string[]> {
  const problems: string[] = [];
  for (const { progress } of readers) {
    const missing = (): number => acknowledged.filter((it) => !progress.values.has(it)).length;
    await waitFor(`group ${progress.name} has read all`, WITHIN_MS, async () => missing() === 0).catch(() => problems.push(`group ${progress.name}: ${missing()} acknowledged records were never read`));
  }
  return problems;
}

/** Gives how long leaders took to move. Afterwards the broker is back and in sync. */
async function takeTurn(cluster: BrokerCluster, broker: ClusterBroker, how: 'stop' | 'kill', readers: readonly RollingReader[]): Promise<number> {
  const leadersMovedMs = await endAndWatch(cluster, broker, how);
  // The successor of a member begins where the group has committed, with the coordinator that has just taken over.
  for (const it of readers) await settles(`stop of the reader ${it.progress.name} in the turn of broker ${broker.id}`, STEP_MS, it.stop());
  for (const it of readers) await settles(`start of the reader ${it.progress.name} in the turn of broker ${broker.id}`, STEP_MS, it.start());
  await broker.start();
  await waitFor(`all replicas are in sync after broker ${broker.id} came back`, WITHIN_MS, () => cluster.isWhole());
  return leadersMovedMs;
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
  await settles(`end of broker ${broker.id}`, WITHIN_MS, ended);
  return Math.max(...slowest);
}
