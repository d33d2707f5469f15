import { setTimeout as delay } from 'node:timers/promises';
import type { SeededRandom } from '../doubles/seeded-random.js';
import { waitFor } from '../flow/flow.js';
import type { BrokerCluster, ClusterBroker } from '../processes/broker-cluster.js';
import { OUTSIDE, type LinkRelay } from './link-relay.js';

/** SIGKILL, SIGSTOP, SIGTERM, a cut link; what was ended is started again. */
export type BrokerFault = 'kill' | 'pause' | 'restart' | 'cut';
export const BROKER_FAULTS: readonly BrokerFault[] = ['kill', 'pause', 'restart', 'cut'];

export interface BrokerChaosOptions {
  readonly cluster: BrokerCluster;
  /** Of the cluster. */
  readonly links: LinkRelay;
  /** All happen equally often, in an order by chance. */
  readonly faults: readonly BrokerFault[];
  /** How long a broker is away at most. */
  readonly faultMsMax: number;
  /** Until all replicas are in sync again after a fault. */
  readonly recoveryMsMax: number;
  /** After that, until the next one. */
  readonly calmMs: number;
  /** Ends when either is reached. */
  readonly durationMs: number;
  readonly events: number;
  readonly random: SeededRandom;
  readonly say: (line: string) => void;
  readonly onStrike?: () => void;
}

export interface ChaosEvent {
  readonly fault: BrokerFault;
  readonly what: string;
  /** Of partitions, when it struck. */
  readonly leaderships: number;
  readonly fromMs: number;
  readonly toMs: number;
  /** Absent: not all replicas were in sync again in time. */
  readonly inSyncAtMs: number | undefined;
}

/**
 * One broker after the other is in trouble, and the next one when all replicas are in sync again: with three replicas, two of which must acknowledge, nothing that was acknowledged may be lost.
 * Resolves when everything is whole again.
 */
export async function brokerChaos(options: BrokerChaosOptions): Promise<ChaosEvent[]> {
  const { random, say, cluster } = options;
  const begunMs = Date.now();
  const events: ChaosEvent[] = [];
  let bag: BrokerFault[] = [];
  while (events.length < options.events && Date.now() - begunMs < options.durationMs) {
    await delay(options.calmMs * (0.5 + random.next()));
    if (bag.length === 0) bag = [...options.faults];
    const [fault] = bag.splice(random.integer(bag.length), 1) as [BrokerFault];
    const partitions = (await cluster.metadata()).find((it) => it !== undefined)?.partitions ?? [];
    const leading = cluster.brokers.filter(({ id }) => partitions.some((it) => it.leader === id));
    const victim = random.pick(random.chance(0.7) && leading.length > 0 ? leading : cluster.brokers);
    const fromMs = Date.now();
    options.onStrike?.();
    const what = await strike(fault, victim, options);
    const toMs = Date.now();
    const isWhole = await waitFor('all replicas are in sync', options.recoveryMsMax, async () => {
      await delay(200);
      return cluster.isWhole();
    }).then(() => true, () => false);
    const inSyncAtMs = isWhole ? Date.now() : undefined;
    events.push({ fault, what, fromMs, toMs, inSyncAtMs, leaderships: partitions.filter((it) => it.leader === victim.id).length });
    say(`${fault}: ${what}, for ${seconds(toMs - fromMs)}; ${inSyncAtMs === undefined ? 'NOT IN SYNC' : `in sync ${seconds(inSyncAtMs - toMs)} later`}`);
  }
  return events;
}

/** Brokers that did not come back into the in-sync replicas in time. */
export function chaosProblems(events: readonly ChaosEvent[]): string[] {
  return events.filter((it) => it.inSyncAtMs === undefined).map((it) => `not all replicas were in sync long after ${it.fault}: ${it.what}`);
}

async function strike(fault: BrokerFault, victim: ClusterBroker, options: BrokerChaosOptions): Promise<string> {
  const { random, faultMsMax } = options;
  const awayMs = 500 + random.integer(faultMsMax - 500);
  switch (fault) {
    case 'kill':
    case 'restart': {
      const endedInMs = await timed(() => (fault === 'kill' ? victim.kill() : victim.stop()));
      await delay(random.chance(0.5) ? 0 : awayMs);
      const startedInMs = await timed(() => victim.start());
      return `${victim.name}, ended in ${seconds(endedInMs)}, back within ${seconds(startedInMs)} of its start`;
    }
    case 'pause':
      victim.pause();
      await delay(awayMs);
      victim.resume();
      return victim.name;
    case 'cut': {
      const { what, pairs } = cutOf(victim, options);
      options.links.cut(pairs);
      await delay(awayMs);
      const healedBy = random.pick(['resume', 'reset'] as const);
      options.links.heal(healedBy);
      return `${what}, then ${healedBy}`;
    }
  }
}

function cutOf({ name, id }: ClusterBroker, { cluster, random }: BrokerChaosOptions): { what: string; pairs: (readonly [string, string])[] } {
  const others = cluster.brokers.filter((it) => it.id !== id).map((it) => it.name);
  const from = (names: readonly string[]): (readonly [string, string])[] => names.map((it) => [name, it]);
  const to = (names: readonly string[]): (readonly [string, string])[] => names.map((it) => [it, name]);
  const other = random.pick(others);
  return random.pick([
    { what: `${name} from all others, clients reach it`, pairs: [...from(others), ...to(others)] },
    { what: `${name} from everybody`, pairs: [...from([...others, OUTSIDE]), ...to([...others, OUTSIDE])] },
    { what: `${name} is not heard by the others`, pairs: from(others) },
    { what: `${name} does not hear the others`, pairs: to(others) },
    { what: `${name} and ${other} from each other`, pairs: [...from([other]), ...to([other])] },
    { what: `${name} from its clients`, pairs: [...from([OUTSIDE]), ...to([OUTSIDE])] },
  ]);
}

async function timed(action: () => Promise<void>): Promise<number> {
  const begun = performance.now();
  await action();
  return performance.now() - begun;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
