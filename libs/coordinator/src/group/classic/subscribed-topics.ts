import { ByteReader, hasCode } from '@millrace/foundation';

export const CONSUMER_PROTOCOL_TYPE = 'consumer';

/**
 * The topics in the subscriptions of a consumer group's members; null when the bytes are not a subscription (then the coordinator knows nothing about topics).
 * Every version of the subscription begins with version 0: int16 version, topic names, user data.
 */
export function subscribedTopics(subscriptions: readonly Uint8Array[]): ReadonlySet<string> | null {
  const topics = new Set<string>();
  try {
    for (const bytes of subscriptions) {
      const reader = new ByteReader(bytes);
      reader.int16();
      const count = reader.int32();
      reader.expectItems(count, 2);
      for (let i = 0; i < count; i++) topics.add(reader.utf8(reader.int16()));
      const userDataLength = reader.int32();
      if (userDataLength >= 0) reader.skip(userDataLength);
    }
  } catch (error) {
    if (hasCode(error, 'MALFORMED_BYTES')) return null;
    throw error;
  }
  return topics;
}
