import { PartitionQueue } from './partition-queue.js';
import { ProducerBatch, type ProducerIdentity } from './producer-batch.js';

const FIRST: ProducerIdentity = { producerId: 7, producerEpoch: 0 };
const SECOND: ProducerIdentity = { producerId: 7, producerEpoch: 1 };

function batch(): ProducerBatch {
  const it = new ProducerBatch(0, 100);
  it.append(null, Buffer.from('x'), 0, undefined, -1);
  return it;
}

/** Two batches were sent and got no answer; the first was given up, its place in the sequence is a gap. */
function afterGivingUp(): { readonly queue: PartitionQueue; readonly waiting: ProducerBatch; readonly unsent: ProducerBatch } {
  const queue = new PartitionQueue('t', 0);
  queue.adopt(FIRST);
  const [lost, waiting, unsent] = [batch(), batch(), batch()];
  queue.ready.push(lost, waiting, unsent);
  for (const it of [lost, waiting]) expect(queue.take()).toBe(it);
  for (const it of [lost, waiting]) queue.landed(it);
  queue.putBack([waiting]);
  queue.needsNewEpoch = true;
  return { queue, waiting, unsent };
}

describe('batches behind one that was given up without an answer', () => {
  it('go again as what they were, for both may stand in the log', () => {
    const { queue, waiting, unsent } = afterGivingUp();
    expect(queue.mayRenew).toBe(false);
    expect([queue.take(), waiting.baseSequence]).toEqual([waiting, 1]);
    queue.landed(waiting);
    expect(queue.mayRenew).toBe(true);
    queue.adopt(SECOND);
    expect([queue.take(), unsent.baseSequence]).toEqual([unsent, 0]);
  });

  it('begin the new epoch once the broker has refused their sequence: then neither stands there', () => {
    const { queue, waiting, unsent } = afterGivingUp();
    expect(queue.take()).toBe(waiting);
    queue.landed(waiting);
    queue.putBack([waiting]);
    queue.isSequenceRefused = true;
    expect(queue.mayRenew).toBe(true);
    queue.adopt(SECOND);
    expect([queue.take(), queue.take()]).toEqual([waiting, unsent]);
    expect([waiting.baseSequence, unsent.baseSequence, queue.needsNewEpoch, queue.isSequenceRefused]).toEqual([0, 1, false, false]);
  });
});

it('sends no more behind a batch without an answer than the broker knows again, however many of them are answered', () => {
  const queue = new PartitionQueue('t', 0);
  queue.adopt(FIRST);
  const batches = Array.from({ length: 7 }, batch);
  queue.ready.push(...batches);
  const [stuck] = batches;
  queue.take();
  for (let i = 1; i < 5; i++) {
    expect(queue.mayFollow(5)).toBe(true);
    const next = queue.take();
    if (next !== undefined) queue.landed(next);
  }
  expect([queue.inFlight, queue.mayFollow(5)]).toEqual([[stuck], false]);
  if (stuck !== undefined) queue.landed(stuck);
  expect(queue.mayFollow(5)).toBe(true);
});
