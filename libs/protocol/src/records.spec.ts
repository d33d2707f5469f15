import { ByteWriter, MalformedBytes } from '@millrace/foundation';
import { ConsumerProtocolSubscription, decodeLogKey, decodeMetadataRecord, decodeVersioned, encodeLogKey, encodeMetadataRecord, encodeVersioned, errorName, ErrorCode, errorText, GroupMetadataKey, isRetriableError, logKeyKind, OffsetCommitKey, ProtocolError } from './index.js';

describe('metadata records', () => {
  it('stand behind frame version, type and version', () => {
    const writer = new ByteWriter();
    encodeMetadataRecord(writer, { type: 'TopicRecord', record: { name: 'orders', topicId: 'AAAAAAAAAAAAAAAAAAAAAQ' } });
    const bytes = writer.take();
    expect(Buffer.from(bytes).toString('hex')).toBe(`010200${'07'}${Buffer.from('orders').toString('hex')}${'00'.repeat(15)}0100`);
    expect(decodeMetadataRecord(bytes)).toEqual({ type: 'TopicRecord', version: 0, record: { name: 'orders', topicId: 'AAAAAAAAAAAAAAAAAAAAAQ' } });
  });

  it('of another frame, type or version, or with bytes left over, are refused', () => {
    for (const [bytes, message] of [
      [[0, 20, 0, 0], /frame version 0/],
      [[1, 99, 0, 0], /unknown type 99/],
      [[1, 20, 7, 0], /NoOpRecord of unknown version 7/],
      [[1, 20, 0, 0, 0], /1 bytes behind NoOpRecord/],
    ] as const) {
      expect(() => decodeMetadataRecord(Uint8Array.from(bytes))).toThrow(message);
      expect(() => decodeMetadataRecord(Uint8Array.from(bytes))).toThrow(MalformedBytes);
    }
  });
});

describe('keys and values with a version in front', () => {
  it('read back', () => {
    const key = encodeLogKey(OffsetCommitKey, { group: 'g', topic: 't', partition: 3 });
    expect(Buffer.from(key).toString('hex')).toBe('000100016700017400000003');
    expect(logKeyKind(key)).toBe(OffsetCommitKey.key);
    expect(decodeLogKey(OffsetCommitKey, key)).toEqual({ group: 'g', topic: 't', partition: 3 });
    expect(decodeLogKey(OffsetCommitKey, Uint8Array.from([0, 0, ...key.subarray(2)]))).toEqual({ group: 'g', topic: 't', partition: 3 });
    expect(() => decodeLogKey(GroupMetadataKey, key)).toThrow(MalformedBytes);
  });

  it('of a newer version are refused, or read as the latest one by consumers', () => {
    const bytes = encodeVersioned(ConsumerProtocolSubscription, { topics: ['a'], userData: null, generationId: 4 }, 3);
    const newer = Uint8Array.from([0, 9, ...bytes.subarray(2), 1, 2, 3]);
    expect(() => decodeVersioned(ConsumerProtocolSubscription, newer)).toThrow(MalformedBytes);
    const { version, message } = decodeVersioned(ConsumerProtocolSubscription, newer, 'as-latest');
    expect([version, message.topics, message.generationId]).toEqual([9, ['a'], 4]);
  });
});

describe('errors', () => {
  it('have a name, a text and an identity that survives threads', () => {
    const error = new ProtocolError(ErrorCode.NOT_LEADER_OR_FOLLOWER);
    expect(error).toMatchObject({ errorCode: 6, errorName: 'NOT_LEADER_OR_FOLLOWER', isRetriable: true, code: 'KAFKA_NOT_LEADER_OR_FOLLOWER', message: errorText(6) });
    expect(new ProtocolError(36, 'orders exists').message).toBe('orders exists');
    expect(isRetriableError(ErrorCode.NONE)).toBe(false);
  });

  it('from a newer broker are unknown, not lost', () => {
    expect([errorName(9999), isRetriableError(9999)]).toEqual(['UNKNOWN_SERVER_ERROR', false]);
    expect(new ProtocolError(9999)).toMatchObject({ errorCode: 9999, message: expect.stringContaining('9999') as string });
  });
});
