import type { BrokerId, Random } from '@millrace/foundation';
import { ErrorCode } from '@millrace/protocol';
import { hasUncordonedDirectory, type BrokerRegistration } from '../image/broker-registration.js';
import { refuse } from './controller-result.js';

export interface PlacementRequest {
  readonly partitions: number;
  readonly replicationFactor: number;
  /** The first partition's number: later ones of a topic go on in the same rhythm. */
  readonly firstPartition: number;
}

/**
 * Replicas for new partitions, in order of preference. Leaders go round the unfenced brokers, racks alternating; followers go on from there, each in another
 * rack while there are unused ones, with a shift for each round, so that one broker's followers are not all on its neighbour. A fenced broker follows only when
 * there are not enough others, and never leads. A broker that stops, or has all its log directories cordoned, gets none.
 */
export function placeReplicas(brokers: Iterable<BrokerRegistration>, request: PlacementRequest, random: Random): BrokerId[][] {
  const all = [...brokers].sort((a, b) => a.brokerId - b.brokerId);
  const open = all.filter((it) => (it.isFenced || !it.isShuttingDown) && hasUncordonedDirectory(it));
  const usable = interleaveRacks(open.filter((it) => !it.isFenced));
  const fenced = open.filter((it) => it.isFenced);
  const { replicationFactor } = request;
  if (usable.length === 0) refuse(ErrorCode.INVALID_REPLICATION_FACTOR, 'All brokers are currently fenced, or have all their log directories cordoned.');
  if (replicationFactor > usable.length + fenced.length) {
    refuse(
      ErrorCode.INVALID_REPLICATION_FACTOR,
      `The target replication factor of ${replicationFactor} cannot be reached because only ${usable.length + fenced.length} broker(s) are registered or some brokers have all their log directories cordoned.`,
    );
  }
  const start = random.integer(usable.length);
  return Array.from({ length: request.partitions }, (_, i) => placeOne(usable, fenced, start + request.firstPartition + i, replicationFactor));
}

function placeOne(usable: readonly BrokerRegistration[], fenced: readonly BrokerRegistration[], turn: number, replicationFactor: number): BrokerId[] {
  const count = usable.length;
  const leader = usable[turn % count]!;
  const shift = Math.floor(turn / count);
  const others = Array.from({ length: count - 1 }, (_, i) => usable[(turn + 1 + ((i + shift) % (count - 1))) % count]!);
  const chosen = [leader];
  const racks = new Set([leader.rack]);
  for (const candidate of [...others, ...fenced]) {
    if (chosen.length >= Math.min(replicationFactor, count) || racks.has(candidate.rack) || candidate.isFenced) continue;
    chosen.push(candidate);
    racks.add(candidate.rack);
  }
  for (const candidate of [...others, ...fenced]) {
    if (chosen.length >= replicationFactor) break;
    if (!chosen.includes(candidate)) chosen.push(candidate);
  }
  return chosen.map((it) => it.brokerId);
}

/** Brokers in an order in which neighbours are in different racks as far as that goes. */
function interleaveRacks(brokers: readonly BrokerRegistration[]): BrokerRegistration[] {
  const byRack = new Map<string | null, BrokerRegistration[]>();
  for (const broker of brokers) {
    const rack = byRack.get(broker.rack);
    if (rack === undefined) byRack.set(broker.rack, [broker]);
    else rack.push(broker);
  }
  const racks = [...byRack.values()];
  const longest = Math.max(0, ...racks.map((it) => it.length));
  return Array.from({ length: longest }, (_, i) => racks.flatMap((rack) => rack.slice(i, i + 1))).flat();
}
