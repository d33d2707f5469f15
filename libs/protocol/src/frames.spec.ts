import { ByteReader, MalformedBytes } from '@millrace/foundation';
import { ApiVersions, decodeRequestHeader, decodeResponse, encodeRequestFrame, encodeResponseFrame, Fetch, headerVersions, Heartbeat, Metadata, OffsetDelete, Produce } from './index.js';

function join(chunks: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(chunks);
}

describe('frames', () => {
  it('of requests begin with their size and read back', () => {
    const body = { groupId: 'g', generationId: 3, memberId: 'm' };
    for (let apiVersion = Heartbeat.minVersion; apiVersion <= Heartbeat.maxVersion; apiVersion++) {
      const frame = join(encodeRequestFrame(Heartbeat, { apiVersion, correlationId: 77, clientId: 'tester', body }));
      const reader = new ByteReader(frame);
      expect(reader.int32()).toBe(frame.length - 4);
      expect(decodeRequestHeader(reader)).toMatchObject({ apiKey: 12, apiVersion, correlationId: 77, clientId: 'tester', api: Heartbeat, isSupported: true });
      expect(Heartbeat.request.decode(reader, apiVersion)).toEqual({ ...body, groupInstanceId: null });
      expect(reader.remaining).toBe(0);
    }
  });

  it('carry large records without a copy', () => {
    const records = new Uint8Array(5000).fill(1);
    const second = new Uint8Array(4096).fill(2);
    const response = { responses: [{ topic: 't', partitions: [{ partitionIndex: 0, highWatermark: 1, abortedTransactions: null, records: [records, second] }] }] };
    const chunks = encodeResponseFrame(Fetch, { apiVersion: 12, correlationId: 5, body: response });
    expect(chunks.filter((it) => it.length >= 4096)).toEqual([records, second]);
    expect(chunks).toContain(records);
    const frame = join(chunks);
    const { correlationId, body } = decodeResponse(Fetch, 12, frame.subarray(4));
    expect(correlationId).toBe(5);
    const read = body.responses[0]?.partitions[0]?.records ?? new Uint8Array(0);
    expect(Buffer.from(read)).toEqual(Buffer.concat([records, second]));
    expect(read.buffer).toBe(frame.buffer);
  });

  it('of ApiVersions responses never have a flexible header', () => {
    expect(headerVersions(ApiVersions.apiKey, 3)).toEqual({ request: 2, response: 0 });
    expect(headerVersions(Metadata.apiKey, 9)).toEqual({ request: 2, response: 1 });
    expect(headerVersions(OffsetDelete.apiKey, 0)).toEqual({ request: 1, response: 0 });
  });

  it('with a key or version that is not known still give their correlation id', () => {
    const unknownKey = Uint8Array.of(0x7f, 0, 0, 0, 0, 0, 0, 9);
    expect(decodeRequestHeader(new ByteReader(unknownKey))).toMatchObject({ apiKey: 0x7f00, correlationId: 9, api: undefined, isSupported: false });
    const newVersion = Uint8Array.of(0, 18, 0, 99, 0, 0, 0, 9);
    expect(decodeRequestHeader(new ByteReader(newVersion))).toMatchObject({ apiKey: 18, apiVersion: 99, correlationId: 9, api: ApiVersions, isSupported: false });
    expect(() => decodeRequestHeader(new ByteReader(newVersion.subarray(0, 7)))).toThrow(MalformedBytes);
  });

  it('of responses are refused when bytes are left over', () => {
    const frame = join(encodeResponseFrame(Heartbeat, { apiVersion: 0, correlationId: 1, body: {} }));
    expect(() => decodeResponse(Heartbeat, 0, join([frame.subarray(4), Uint8Array.of(0)]))).toThrow(/1 bytes behind/);
  });

  it('are advertised from Produce 0 on, though 3 is the lowest that is served', () => {
    expect([Produce.advertisedMinVersion, Produce.minVersion]).toEqual([0, 3]);
  });
});
