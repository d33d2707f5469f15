import fs from 'node:fs';
import { SeededRandom } from '../doubles/seeded-random.js';
import { waitFor } from '../flow/flow.js';
import { AckJournal } from './ack-journal.js';
import { brokerChaos, type BrokerFault, type ChaosEvent } from './broker-chaos.js';
import { BrokerCluster, type BrokerKind } from './broker-cluster.js';
import type { ChaosClient, ChaosClientOptions } from './clients/chaos-client.js';
import { KafkaJsClient } from './clients/kafkajs-client.js';
import { KcatClient } from './clients/kcat-client.js';
import { VerifiableClient } from './clients/verifiable-client.js';
import { ClusterView } from './cluster-view.js';
import { AckJudge, readWithKcat } from './judge-acknowledged.js';
import { replicaDifferences } from './replicas-equal.js';

export type ClientKind = 'kafkajs' | 'kcat' | 'java';
export const CLIENT_KINDS: readonly ClientKind[] = ['kafkajs', 'kcat', 'java'];

export interface ProducersUnderChaosOptions {
  readonly folder: string;
  readonly kind: BrokerKind;
  readonly clients: readonly ClientKind[];
  /** Of each client. */
  readonly recordsPerSecond: number;
  readonly faults: readonly BrokerFault[];
  readonly durationMs: number;
  readonly events: number;
  readonly faultMsMax: number;
  readonly calmMs: number;
  readonly settings: Readonly<Record<string, string>>;
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
  const { folder, kind, say, recordsPerSecond, settings } = options;
  fs.mkdirSync(folder, { recursive: true });
  const journal = new AckJournal();
  const cluster = await BrokerCluster.start({ folder, kind, brokers: 3, settings });
  const { bootstrap } = cluster;
  const clients = options.clients.map((it) => new CLIENTS[it]({ bootstrap, topic: TOPIC, partitions: PARTITIONS, recordsPerSecond, journal, folder }));
  let hasStopped = false;
  try {
    const view = new ClusterView(bootstrap);
    await view.createTopic(TOPIC, PARTITIONS, 3);
    await Promise.all(clients.map((it) => it.start()));
    await waitFor('each client has acknowledged records', 120_000, async () => {
      if (surfaced(journal).length > 0) throw new Error(`clients cannot begin: ${surfaced(journal).join('; ')}`);
      return options.clients.every((client) => journal.producers.some((it) => it.client === client && it.sequences.length > 0));
    });
    say(`three brokers of ${kind} under ${options.clients.join(', ')}`);
    const random = new SeededRandom(options.seed);
    const events = await brokerChaos({ ...options, cluster, view, random, recoveryMsMax: RECOVERY_MS_MAX });
    await Promise.all(clients.map((it) => it.stop(RECOVERY_MS_MAX)));
    hasStopped = true;
    const judge = new AckJudge();
    await readWithKcat(bootstrap, TOPIC, PARTITIONS, (...record) => judge.record(...record));
    const { acknowledged, records, problems } = judge.verdict(journal);
    await cluster.stop();
    const late = events.filter((it) => it.inSyncAtMs === undefined).map((it) => `not all replicas were in sync ${RECOVERY_MS_MAX / 1000} s after ${it.fault}: ${it.what}`);
    return { acknowledged, records, events, journal, problems: [...problems, ...late, ...surfaced(journal), ...replicaDifferences(cluster.brokers.map((it) => it.dataFolder), TOPIC, PARTITIONS)] };
  } finally {
    if (!hasStopped) await Promise.all(clients.map((it) => it.stop(0)));
    await cluster.stop();
  }
}

/** Each client goes on by itself after everything that it may try again: nothing else may come up. */
function surfaced(journal: AckJournal): string[] {
  return [...journal.surfaced].flatMap(([client, names]) => [...names].map(([name, count]) => `${client} gave up ${count} times: ${name}`));
}
