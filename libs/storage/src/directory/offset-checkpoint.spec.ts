import { decodeOffsetCheckpoint, encodeOffsetCheckpoint } from './offset-checkpoint.js';

describe('a checkpoint of offsets', () => {
  const text = encodeOffsetCheckpoint([
    { topic: 'orders', partition: 0, offset: 1234 },
    { topic: 'orders', partition: 11, offset: 567 },
  ]);

  it('is Kafka\'s text', () => {
    expect(text).toBe('0\n2\norders 0 1234\norders 11 567\n');
    expect(decodeOffsetCheckpoint(text)).toEqual(new Map([['orders-0', 1234], ['orders-11', 567]]));
  });

  it('is nothing without its last byte, or with any part of it alone: a number would lack digits', () => {
    for (let length = 0; length < text.length; length++) expect(decodeOffsetCheckpoint(text.slice(0, length))).toBeUndefined();
  });
});
