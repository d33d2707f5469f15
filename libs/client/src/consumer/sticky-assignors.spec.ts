import fc from 'fast-check';
import type { TopicPartition } from '@millrace/foundation';
import { kept, names, NOBODY, scene, squares, type Scene, type Shares } from '../../test/group-scenes.js';
import type { Assignor, GroupSubscriber } from './assignors.js';
import { cooperativeStickyAssignor, stickyAssignor } from './sticky-assignors.js';

const owned = ({ members }: Scene): Shares => new Map(members.map((it) => [it.memberId, it.ownedPartitions]));

/** Joins again with what was kept and what came, until nothing changes. */
function rounds(assignor: Assignor, { members, counts }: Scene): Shares[] {
  const list: Shares[] = [];
  for (let last = members; list.length < 10; ) {
    const shares = assignor.assign(last, counts);
    list.push(shares);
    const next = last.map((it) => ({ ...it, ownedPartitions: shares.get(it.memberId) ?? [] }));
    if (next.every((it, i) => names(it.ownedPartitions).sort().join() === names(last[i]!.ownedPartitions).sort().join())) break;
    last = next;
  }
  return list;
}

/** Of all assignments: the smallest sum of squares of loads, and the most that can be kept with it. */
function best(scene: Scene): { squares: number; kept: number } {
  const partitions = [...scene.counts].flatMap(([topic, count]) => Array.from({ length: count }, (_, partition) => ({ topic, partition })));
  const found = { squares: Infinity, kept: -1 };
  const shares = new Map<string, TopicPartition[]>(scene.members.map((it) => [it.memberId, []]));
  const walk = (at: number): void => {
    const it = partitions[at];
    if (it === undefined) {
      const [sum, keeps] = [squares(shares), kept(scene, shares)];
      if (sum < found.squares || (sum === found.squares && keeps > found.kept)) Object.assign(found, { squares: sum, kept: keeps });
      return;
    }
    const readers = scene.members.filter(({ topics }) => topics.includes(it.topic));
    if (readers.length === 0) walk(at + 1);
    for (const { memberId } of readers) {
      shares.get(memberId)!.push(it);
      walk(at + 1);
      shares.get(memberId)!.pop();
    }
  };
  walk(0);
  return found;
}

const cooperative = (it: Scene): Shares[] => rounds(cooperativeStickyAssignor, it);

describe('cooperative-sticky', () => {
  it('gives each partition that somebody reads to exactly one reader of it, in the end', () => {
    fc.assert(
      fc.property(scene({ membersMax: 8, partitionsMax: 12, isEqual: false }), (it) => {
        const final = cooperative(it).at(-1)!;
        const expected = [...it.counts].flatMap(([topic, count]) => (it.members.some(({ topics }) => topics.includes(topic)) ? Array.from({ length: count }, (_, i) => `${topic}-${i}`) : []));
        expect([...final.values()].flatMap(names).sort()).toEqual(expected.sort());
        for (const { memberId, topics } of it.members) for (const { topic } of final.get(memberId)!) expect(topics).toContain(topic);
      }),
    );
  });

  it('never gives to one what another still holds, and is settled after two rounds', () => {
    fc.assert(
      fc.property(scene({ membersMax: 8, partitionsMax: 12, isEqual: false }), (it) => {
        const all = cooperative(it);
        // The last round changes nothing.
        expect(all.length).toBeLessThanOrEqual(3);
        let holders = owned(it);
        for (const shares of all) {
          for (const [memberId, partitions] of shares) for (const name of names(partitions)) for (const [holder, held] of holders) if (names(held).includes(name)) expect([name, memberId]).toEqual([name, holder]);
          holders = shares;
        }
      }),
    );
  });

  it('is as even as any assignment can be, and takes as little as any from those who have it', () => {
    fc.assert(
      fc.property(scene({ membersMax: 3, partitionsMax: 2, isEqual: false }), (it) => {
        const all = cooperative(it);
        expect({ squares: squares(all.at(-1)!), kept: kept(it, all[0]!) }).toEqual(best(it));
      }),
      { numRuns: 1000 },
    );
  });

  it('differs by at most one where everybody reads the same', () => {
    fc.assert(
      fc.property(scene({ membersMax: 12, partitionsMax: 30, isEqual: true }), (it) => {
        const loads = [...cooperative(it).at(-1)!.values()].map((share) => share.length);
        expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('believes the member of the later generation, and takes from both what two hold in the same one', () => {
    const holds = (memberId: string, generationId: number, ...partitions: number[]): GroupSubscriber => ({ ...NOBODY, memberId, generationId, topics: ['a'], ownedPartitions: partitions.map((partition) => ({ topic: 'a', partition })) });
    const assign = (...members: GroupSubscriber[]): Record<string, string[]> => Object.fromEntries([...cooperativeStickyAssignor.assign(members, new Map([['a', 4]]))].map(([id, list]) => [id, names(list)]));
    expect(assign(holds('old', 3, 0, 1), holds('new', 4, 1, 2))).toEqual({ old: ['a-0', 'a-3'], new: ['a-1', 'a-2'] });
    // The third one gets nothing of it before the two have let go.
    expect(assign(holds('x', 4, 0), holds('y', 4, 0), holds('z', 4, 1, 2, 3)).z).not.toContain('a-0');
  });

  it('finds the generation in the user data of older members', () => {
    const userData = cooperativeStickyAssignor.userData!({ partitions: [], generationId: 9 });
    const old: GroupSubscriber = { ...NOBODY, memberId: 'b', userData, ownedPartitions: [{ topic: 'a', partition: 0 }] };
    const shares = cooperativeStickyAssignor.assign([{ ...old, memberId: 'a', userData: null, generationId: 8 }, old], new Map([['a', 1]]));
    expect(names(shares.get('b')!)).toEqual(['a-0']);
  });
});

describe('sticky', () => {
  it('gives back what each had, by what it told of it', () => {
    fc.assert(
      fc.property(scene({ membersMax: 6, partitionsMax: 8, isEqual: false }), ({ members, counts }) => {
        const first = stickyAssignor.assign(members.map((it) => ({ ...it, ownedPartitions: [] })), counts);
        const again = members.map((it) => ({ ...it, ownedPartitions: [], userData: stickyAssignor.userData!({ partitions: first.get(it.memberId)!, generationId: 3 }) }));
        expect(stickyAssignor.assign(again, counts)).toEqual(first);
      }),
    );
  });

  it('takes what it cannot read for nothing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (userData) => {
        const shares = stickyAssignor.assign([{ ...NOBODY, memberId: 'x', userData }], new Map([['a', 2]]));
        expect(names(shares.get('x')!)).toEqual(['a-0', 'a-1']);
      }),
    );
  });
});
