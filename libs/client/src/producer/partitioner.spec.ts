import { murmur2, partitionForKey, TopicPartitioner, type Partitioner } from './partitioner.js';

/** The vectors that Kafka's own clients test their hash with. */
const VECTORS: readonly (readonly [string, number])[] = [
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
];

const counting = (): { bytes: (length: number) => Uint8Array; integer: (bound: number) => number } => {
  let turn = 0;
  return { bytes: (length) => new Uint8Array(length), integer: (bound) => turn++ % bound };
};

function partitioner(kind: Partitioner): TopicPartitioner {
  return new TopicPartitioner('orders', kind, 100, counting());
}

describe('murmur2', () => {
  it.each(VECTORS)('of %s', (text, hash) => {
    expect(murmur2(Buffer.from(text))).toBe(hash);
  });

  it('places a key as Java does, also where the hash is negative', () => {
    expect(partitionForKey(Buffer.from('21'), 1000)).toBe((-973932308 & 0x7fffffff) % 1000);
  });
});

describe('TopicPartitioner', () => {
  const key = Buffer.from('foobar');

  it('sends one key to one partition, whatever is available', () => {
    const it = partitioner('default');
    expect(new Set(Array.from({ length: 20 }, () => it.choose(key, null, 50, 7, [1, 2]))).size).toBe(1);
  });

  it('sticks to a partition for a batch of bytes without a key, then takes another that is available', () => {
    const it = partitioner('default');
    expect(Array.from({ length: 8 }, () => it.choose(null, null, 50, 5, [1, 3]))).toEqual([3, 3, 1, 1, 3, 3, 1, 1]);
  });

  it('goes round the available partitions', () => {
    const it = partitioner('roundRobin');
    const chosen = Array.from({ length: 4 }, () => it.choose(key, null, 1, 9, [2, 5]));
    expect(chosen).toEqual([chosen[0], chosen[1], chosen[0], chosen[1]]);
    expect(chosen.slice(0, 2).sort()).toEqual([2, 5]);
  });

  it('asks the function', () => {
    const it = partitioner(({ topic, partitionCount, key: its }) => (topic === 'orders' && its === key ? partitionCount - 1 : 0));
    expect(it.choose(key, null, 1, 4, [])).toBe(3);
  });
});
