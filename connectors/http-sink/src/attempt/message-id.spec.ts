import { sinkRecord } from '@millrace/connect-testkit';
import { MessageId } from './message-id.js';

test('the id of a record is always the same, and no other has it', () => {
  const id = (offset: number): MessageId => new MessageId('c', sinkRecord({ offset }));
  const at = (offset: number, partition = 0, topic = 't', connector = 'c'): string => new MessageId(connector, sinkRecord({ offset, partition, topic })).toString();
  // Pinned: an id that changes with a release makes every receiver take everything twice.
  expect(at(5)).toBe('d992358b-ef01-8820-96aa-42d7d5ffda7d');
  expect(MessageId.ofAll([id(1), id(2)])).toBe('bd646002-2dcf-8749-8e0c-1621c88b644e');
  expect(new Set([at(5), at(6), at(5, 1), at(5, 0, 'u'), at(5, 0, 't', 'd')]).size).toBe(5);
  expect(MessageId.ofAll([id(1)])).toBe(at(1));
  const moved = { ...sinkRecord({ offset: 99, topic: 'routed' }), originalTopic: 't', originalPartition: 0, originalKafkaOffset: 5 };
  expect(new MessageId('c', moved).toString()).toBe(at(5));
});
