import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { topicPartitionName } from '@millrace/foundation';
import { rangeAssignor, roundRobinAssignor, type GroupSubscriber } from './assignors.js';
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription } from './consumer-protocol.js';

interface Round {
  readonly counts: Readonly<Record<string, number>>;
  readonly members: readonly GroupSubscriber[];
  readonly range: Readonly<Record<string, readonly string[]>>;
  readonly roundrobin: Readonly<Record<string, readonly string[]>>;
}

/** Made by RangeAssignor, RoundRobinAssignor and ConsumerProtocol of kafka-clients 4.3.1. */
const java = JSON.parse(readFileSync(join(__dirname, '../../test/java-consumer-group.json'), 'utf8')) as { rounds: readonly Round[]; subscription: string; ownedSubscription: string; assignment: string };

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

describe('consumer protocol bytes', () => {
  it('are those of the Java client', () => {
    expect(hex(encodeSubscription({ topics: ['payments', 'orders'] }))).toBe(java.subscription);
    expect(hex(encodeAssignment([{ topic: 'orders', partition: 0 }, { topic: 'orders', partition: 3 }, { topic: 'payments', partition: 1 }]))).toBe(java.assignment);
  });

  it('are read from the Java client', () => {
    const { userData, ...rest } = decodeSubscription(bytes(java.ownedSubscription));
    expect({ ...rest, userData: hex(userData!) }).toEqual({ topics: ['orders'], ownedPartitions: [{ topic: 'orders', partition: 0 }, { topic: 'orders', partition: 2 }], generationId: 7, userData: '0102' });
    expect(decodeAssignment(bytes(java.assignment)).map(topicPartitionName)).toEqual(['orders-0', 'orders-3', 'payments-1']);
  });

  it('are read from old and from later versions, and empty ones as no partitions', () => {
    // Version 0: topics and user data only. Version 9: what we know, and something behind it.
    expect(decodeSubscription(bytes('0000' + '00000001' + '0001' + '61' + 'ffffffff')).topics).toEqual(['a']);
    expect(decodeSubscription(bytes('0009' + java.subscription.slice(4) + 'abcdef')).topics).toEqual(['orders', 'payments']);
    expect(decodeAssignment(new Uint8Array(0))).toEqual([]);
  });
});

describe('assignors', () => {
  const plain = (shares: ReadonlyMap<string, readonly { topic: string; partition: number }[]>): unknown => Object.fromEntries([...shares].map(([memberId, list]) => [memberId, list.map(topicPartitionName)]));

  it.each(java.rounds.map((round, index) => [index, round] as const))('assign as Java does: round %i', (...[, round]) => {
    const counts = new Map(Object.entries(round.counts));
    expect(plain(rangeAssignor.assign(round.members, counts))).toEqual(round.range);
    expect(plain(roundRobinAssignor.assign(round.members, counts))).toEqual(round.roundrobin);
  });
});
