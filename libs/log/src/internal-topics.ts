export const CONSUMER_OFFSETS = '__consumer_offsets';
const TRANSACTION_STATE = '__transaction_state';
export const CLUSTER_METADATA = '__cluster_metadata';

/** Topics that clients may read but not write. */
export function isInternalTopic(topic: string): boolean {
  return topic === CONSUMER_OFFSETS || topic === TRANSACTION_STATE;
}
