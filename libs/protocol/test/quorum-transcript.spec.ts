import { ByteWriter } from '@millrace/foundation';
import { nodeCodecs } from '@millrace/platform';
import { batchesOf, recordsOf } from '@millrace/records';
import { decodeExchange, quorumTranscript } from '@millrace/testkit';
import { decodeMetadataRecord, encodeMetadataRecord, encodeRequestFrame, encodeResponseFrame, Envelope, Fetch, FetchSnapshot, type EnvelopeRequest, type EnvelopeResponse, type FetchResponse, type FetchSnapshotResponse } from '../src/index.js';

const SIZE_BYTES = 4;
const METADATA_TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAAQ';

function hex(chunks: readonly Uint8Array[], from = 0): string {
  return Buffer.concat(chunks).subarray(from).toString('hex');
}

describe('what three nodes of Apache Kafka 4.3.1 say to each other', () => {
  const exchanges = quorumTranscript();
  const apis = new Map<string, number>();
  const records = new Map<string, number>();

  function check(line: number, request: Uint8Array, answer: Uint8Array): void {
    const decoded = decodeExchange({ request, answer });
    const { api, apiVersion, correlationId, clientId } = decoded;
    apis.set(api.name, (apis.get(api.name) ?? 0) + 1);
    expect([line, api.name, hex(encodeRequestFrame(api, { apiVersion, correlationId, clientId, body: decoded.request }), SIZE_BYTES)]).toEqual([line, api.name, hex([request])]);
    expect([line, api.name, hex(encodeResponseFrame(api, { apiVersion, correlationId, body: decoded.answer }), SIZE_BYTES)]).toEqual([line, api.name, hex([answer])]);
    if (api.apiKey === Envelope.apiKey) {
      const { responseData } = decoded.answer as EnvelopeResponse;
      if (responseData !== null) check(line, (decoded.request as EnvelopeRequest).requestData, responseData);
    }
    for (const batches of metadataIn(decoded.answer, api.apiKey)) checkRecords(batches);
  }

  function checkRecords(bytes: Uint8Array): void {
    for (const { position, header } of batchesOf(bytes)) {
      if (header.isControl) continue;
      for (const { value } of recordsOf(bytes, nodeCodecs, { position, decompressedBytesMax: 1_000_000 })) {
        if (value === null) continue;
        const record = decodeMetadataRecord(value);
        const writer = new ByteWriter();
        encodeMetadataRecord(writer, record);
        expect([record.type, hex([writer.take()])]).toEqual([record.type, hex([value])]);
        records.set(record.type, (records.get(record.type) ?? 0) + 1);
      }
    }
  }

  it('decodes, and encodes again byte for byte: requests, answers, what is in envelopes, metadata records', () => {
    for (const { line, request, answer } of exchanges) check(line, request, answer);
    expect([...apis.keys()].sort()).toEqual([
      'AddRaftVoter', 'AllocateProducerIds', 'AlterPartition', 'AlterPartitionReassignments', 'ApiVersions', 'BeginQuorumEpoch', 'BrokerHeartbeat', 'BrokerRegistration', 'ControllerRegistration', 'CreatePartitions',
      'CreateTopics', 'DeleteTopics', 'DescribeQuorum', 'ElectLeaders', 'EndQuorumEpoch', 'Envelope', 'Fetch', 'FetchSnapshot', 'IncrementalAlterConfigs', 'ListPartitionReassignments', 'RemoveRaftVoter', 'Vote',
    ]);
    expect(exchanges.length).toBeGreaterThan(200);
    expect([...records.keys()].sort()).toEqual([
      'BeginTransactionRecord', 'BrokerRegistrationChangeRecord', 'ClearElrRecord', 'ConfigRecord', 'EndTransactionRecord', 'FeatureLevelRecord', 'PartitionChangeRecord', 'PartitionRecord', 'ProducerIdsRecord',
      'RegisterBrokerRecord', 'RegisterControllerRecord', 'RemoveTopicRecord', 'TopicRecord',
    ]);
  });
});

function metadataIn(answer: unknown, apiKey: number): Uint8Array[] {
  if (apiKey === FetchSnapshot.apiKey) return (answer as FetchSnapshotResponse).topics.flatMap((topic) => topic.partitions.map((it) => it.unalignedRecords ?? new Uint8Array(0)));
  if (apiKey !== Fetch.apiKey) return [];
  return (answer as FetchResponse).responses.filter((it) => it.topicId === METADATA_TOPIC_ID).flatMap((topic) => topic.partitions.map((it) => it.records ?? new Uint8Array(0)));
}
