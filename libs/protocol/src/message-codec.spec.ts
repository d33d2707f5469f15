import { ByteReader, ByteWriter, MalformedBytes, ZERO_UUID } from '@millrace/foundation';
import { FindCoordinator, JoinGroup, Metadata, OffsetCommitValue, type MessageCodec } from './index.js';

function written<T, Input>(codec: MessageCodec<T, Input>, message: Input, version: number): T {
  const writer = new ByteWriter();
  codec.encode(writer, message, version);
  return codec.decode(new ByteReader(writer.take()), version);
}

describe('codecs', () => {
  it('give each field that the version lacks its default', () => {
    const topics = [{ name: 'a' }];
    expect(written(Metadata.request, { topics }, 1)).toEqual({ topics: [{ name: 'a', topicId: ZERO_UUID }], allowAutoTopicCreation: true, includeClusterAuthorizedOperations: false, includeTopicAuthorizedOperations: false });
  });

  it('refuse a value that the version cannot carry, and drop what may be ignored', () => {
    const key = { key: 'g', keyType: 1 };
    expect(() => written(FindCoordinator.request, key, 0)).toThrow(expect.objectContaining({ code: 'KAFKA_UNSUPPORTED_VERSION', message: 'version 0 has no FindCoordinatorRequest.keyType, which is set' }));
    expect(written(FindCoordinator.request, key, 1)).toMatchObject(key);
    const join = { groupId: 'g', sessionTimeoutMs: 1, memberId: '', protocolType: 'consumer', protocols: [], reason: 'because' };
    expect(written(JoinGroup.request, join, 7).reason).toBeNull();
    expect(written(JoinGroup.request, join, 8).reason).toBe('because');
  });

  it('refuse null where the version has none', () => {
    expect(() => written(Metadata.request, { topics: null }, 0)).toThrow(/MetadataRequest.topics cannot be null in version 0/);
    expect(written(Metadata.request, { topics: null }, 1).topics).toBeNull();
  });

  it('refuse versions that they do not have', () => {
    expect(() => written(OffsetCommitValue, { offset: 1, metadata: '', commitTimestamp: 2 }, 5)).toThrow(/OffsetCommitValue has versions 0 to 4, not 5/);
    expect(() => OffsetCommitValue.decode(new ByteReader(new Uint8Array(8)), Number.NaN)).toThrow(/not NaN/);
  });

  it('refuse a text that is too long for its length field', () => {
    expect(() => written(FindCoordinator.request, { key: 'x'.repeat(32768) }, 0)).toThrow(expect.objectContaining({ code: 'KAFKA_INVALID_REQUEST' }));
    expect(written(FindCoordinator.request, { key: 'x'.repeat(32767) }, 3).key).toHaveLength(32767);
  });

  it('pass over tagged fields that they do not know, and hold known ones to their size', () => {
    const writer = new ByteWriter();
    OffsetCommitValue.encode(writer, { offset: 1, leaderEpoch: 2, metadata: 'm', commitTimestamp: 3 }, 4);
    const plain = writer.take();
    const withTags = (...tags: number[]): Uint8Array => Uint8Array.from([...plain.subarray(0, -1), ...tags]);
    const expected = { offset: 1, leaderEpoch: 2, metadata: 'm', commitTimestamp: 3, expireTimestamp: -1, topicId: ZERO_UUID };
    expect(OffsetCommitValue.decode(new ByteReader(withTags(1, 9, 2, 0xaa, 0xbb)), 4)).toEqual(expected);
    expect(() => OffsetCommitValue.decode(new ByteReader(withTags(1, 0, 17, ...new Array<number>(17).fill(1))), 4)).toThrow(MalformedBytes);
    expect(() => OffsetCommitValue.decode(new ByteReader(withTags(0xff, 0xff, 0xff, 0xff, 0x0f)), 4)).toThrow(MalformedBytes);
  });

  it('refuse an array that cannot be there before they allocate it', () => {
    const writer = new ByteWriter();
    writer.int32(2_000_000_000);
    expect(() => Metadata.request.decode(new ByteReader(writer.view()), 1)).toThrow(/2000000000 items do not fit/);
  });
});
