import { coordinatorPartitionFor } from './placement.js';

describe('coordinatorPartitionFor', () => {
  it('is where Kafka looks: by the hash that Java gives to the text', () => {
    // From Kafka 4.3: `Utils.abs(id.hashCode) % 50`.
    expect(['', 'g', 'connect-cluster', 'console-consumer-12345', 'gruppe-äöü-😀', 'polygenelubricants'].map((it) => coordinatorPartitionFor(it, 50))).toEqual([0, 3, 13, 6, 14, 0]);
  });
});
