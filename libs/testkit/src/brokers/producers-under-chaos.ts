import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { SeededRandom } from '../doubles/seeded-random.js';
import { waitFor } from '../flow/flow.js';
import { readTopic } from '../flow/read-topic.js';
import { AckJournal } from './ack-journal.js';
import { brokerChaos, chaosProblems, type BrokerFault, type ChaosEvent } from './broker-chaos.js';
import { BrokerCluster } from '../processes/broker-cluster.js';
import type { ChaosClient, ChaosClientOptions } from './clients/chaos-client.js';
import { KafkaJsClient } from './clients/kafkajs-client.js';
import { KcatClient } from './clients/kcat-client.js';
import { VerifiableClient } from './clients/verifiable-client.js';
import { LinkRelay } from './link-relay.js';
import { AckJudge, readWithKcat } from './judge-acknowledged.js';
import { replicaDifferences } from './replicas-equal.js';

export type ClientKind = 'kafkajs' | 'kcat' | 'java';
export const CLIENT_KINDS: readonly ClientKind[] = ['kafkajs', 'kcat', 'java'];

export interface ProducersUnderChaosOptions {
  readonly folder: string;
  readonly side: 'millrace' | 'kafka';
  readonly clients: readonly ClientKind[];
  /** Of each client. */
  readonly recordsPerSecond: number;
  readonly faults: readonly BrokerFault[];
  readonly durationMs: number;
  readonly events: number;
  readonly faultMsMax: number;
  readonly calmMs: number;
  readonly settings: Readonly<Record<string, string>>;
  /** Of each of Java's brokers. */
  readonly heap: readonly string[];
  readonly seed: number;
  readonly say: (line: string) => void;
}

export interface ProducersVerdict {
  readonly acknowledged: number;
  readonly records: number;
  readonly events: readonly ChaosEvent[];
  readonly journal: AckJournal;
  /** Empty: each acknowledged record is there, once, in order per producer and partition, and the replicas are equal. */
  readonly problems: readonly string[];
}

const TOPIC = 'chaos';
const PARTITIONS = 3;
const RECOVERY_MS_MAX = 120_000;
const CLIENTS: Readonly<Record<ClientKind, new (options: ChaosClientOptions) => ChaosClient>> = { kafkajs: KafkaJsClient, kcat: KcatClient, java: VerifiableClient };

/** Idempotent producers with acks=all on three brokers, one of which is always in trouble or has just been; then everything is read and held against what was acknowledged. */
export async function producersUnderChaos(options: ProducersUnderChaosOptions): Promise<ProducersVerdict> {
  const { folder, side, say, recordsPerSecond, settings, heap } = options;
  fs.mkdirSync(folder, { recursive: true });
  const journal = new AckJournal();
  const links = new LinkRelay();
  const cluster = await BrokerCluster.start({ folder, side, settings, links, heap });
  const { bootstrap } = cluster;
  const clients = options.clients.map((it) => new CLIENTS[it]({ bootstrap, topic: TOPIC, partitions: PARTITIONS, recordsPerSecond, journal, folder }));
  let hasStopped = false;
  try {
    await cluster.createTopic(TOPIC, PARTITIONS);
    await Promise.all(clients.map((it) => it.start()));
    await waitFor('each client has acknowledged records', 120_000, async () => {
      if (surfaced(journal).length > 0) throw new Error(`clients cannot begin: ${surfaced(journal).join('; ')}`);
      return options.clients.every((client) => journal.producers.some((it) => it.client === client && it.sequences.length > 0));
    });
    say(`three brokers of ${side} under ${options.clients.join(', ')}`);
    const random = new SeededRandom(options.seed);
    const events = await brokerChaos({ ...options, cluster, links, random, recoveryMsMax: RECOVERY_MS_MAX });
    const standing = await lanesThatStand(journal, options.clients);
    await Promise.all(clients.map((it) => it.stop(RECOVERY_MS_MAX)));
    hasStopped = true;
    const judge = new AckJudge();
    await readAll(bootstrap, judge);
    const { acknowledged, records, problems } = judge.verdict(journal);
    await cluster.stop();
    return { acknowledged, records, events, journal, problems: [...problems, ...chaosProblems(events), ...standing, ...surfaced(journal), ...replicaDifferences(cluster.brokers.map((it) => it.dataFolder), TOPIC, PARTITIONS)] };
  } finally {
    if (!hasStopped) await Promise.all(clients.map((it) => it.stop(0)));
    await cluster.stop();
    await links.close();
  }
}

/** After the last event each client is told of more records in each partition: one that tries again without end says nothing else. */
async function lanesThatStand(journal: AckJournal, clients: readonly ClientKind[]): Promise<string[]> {
  const before = journal.acknowledgedByLane;
  const standing = (): string[] => {
    const now = journal.acknowledgedByLane;
    return clients.flatMap((client) => Array.from({ length: PARTITIONS }, (_, partition) => `${client}-${partition}`)).filter((lane) => (now.get(lane) ?? 0) <= (before.get(lane) ?? 0));
  };
  await waitFor('all are told of more', RECOVERY_MS_MAX, () => Promise.resolve(standing().length === 0)).catch(() => undefined);
  return standing().map((lane) => `${lane}: nothing was acknowledged any more after the last event`);
}

/** With software that is not ours: kcat, or kafkajs where that is not installed. */
async function readAll(bootstrap: string, judge: AckJudge): Promise<void> {
  if (spawnSync('kcat', ['-V']).status === 0) await readWithKcat(bootstrap, TOPIC, PARTITIONS, (...record) => judge.record(...record));
  else await readTopic(bootstrap, TOPIC, ({ partition, offset, value }) => judge.record(partition, Number(offset), value?.toString('utf8') ?? ''));
}

/** Each client goes on by itself after everything that it may try again: nothing else may come up. */
function surfaced(journal: AckJournal): string[] {
  return [...journal.surfaced].flatMap(([client, names]) => [...names].map(([name, count]) => `${client} gave up ${count} times: ${name}`));
}
