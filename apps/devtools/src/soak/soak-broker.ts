import path from 'node:path';
import { BrokerCluster, brokerChaos, chaosProblems, freePort, isListening, LinkRelay, MillraceProcess, repositoryRoot, SeededRandom, type BrokerFault } from '@millrace/testkit';

/** A broker of ours on a free port. */
export async function startBroker(folder: string): Promise<{ address: string; process: MillraceProcess }> {
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const process = await MillraceProcess.start({
    root: repositoryRoot(),
    app: 'broker',
    folder,
    config: { 'node.id': '1', listeners: `PLAINTEXT://${address}`, 'log.dirs': path.join(folder, 'data'), 'group.initial.rebalance.delay.ms': '0' },
    isUp: () => isListening(port),
  });
  return { address, process };
}

/** Beside Kafka's defaults: leaders go back soon, so that each broker leads something when it is struck, and followers that are cut off from their leader alone are noticed sooner. */
export const CHAOS_SETTINGS = { 'leader.imbalance.check.interval.seconds': '15', 'replica.lag.time.max.ms': '10000' };
/** Of each of Java's brokers. */
export const CHAOS_HEAP = ['-Xms256m', '-Xmx256m'];

export interface SoakBrokers {
  readonly bootstrap: string;
  /** Resolves with what is wrong, when all is whole again. */
  chaos(options: { readonly faults: readonly BrokerFault[]; readonly durationMs: number; readonly seed: number; readonly say: (line: string) => void; readonly onStrike: () => void }): Promise<readonly string[]>;
  stop(): Promise<void>;
}

/** Several brokers of ours or of Apache Kafka, behind a relay that can cut their links. */
export async function startBrokers({ folder, brokers, side }: { readonly folder: string; readonly brokers: number; readonly side: 'millrace' | 'kafka' }): Promise<SoakBrokers> {
  const links = new LinkRelay();
  const cluster = await BrokerCluster.start({ folder: path.join(folder, 'brokers'), side, brokers, links, heap: CHAOS_HEAP, settings: CHAOS_SETTINGS });
  return {
    bootstrap: cluster.bootstrap,
    chaos: async ({ seed, ...options }) =>
      chaosProblems(await brokerChaos({ ...options, cluster, links, random: new SeededRandom(seed), faultMsMax: 15_000, recoveryMsMax: 120_000, calmMs: 4000, events: Infinity })),
    stop: async () => {
      await cluster.stop();
      await links.close();
    },
  };
}
