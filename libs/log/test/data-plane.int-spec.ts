import { CreateTopics, DeleteRecords, DescribeLogDirs, ErrorCode, Fetch, InitProducerId, OffsetForLeaderEpoch, Produce } from '@millrace/protocol';
import { nodeCodecs } from '@millrace/platform';
import { batchBaseTimestampAt, batchMaxTimestampAt } from '@millrace/records';
import { batchOf, LocalBroker, RawClient, recordsIn, valuesIn } from './local-broker.js';

describe('produce and fetch', () => {
  let local: LocalBroker;
  let client: RawClient;
  beforeAll(async () => {
    local = await LocalBroker.start();
    client = await RawClient.connect(local.port);
  });
  afterAll(async () => {
    client.close();
    await local.stop();
  });

  it.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const)('gives back the very bytes of a %s batch, stamped with its offset', async (compression) => {
    const topic = `bytes-${compression}`;
    await client.createTopic(topic);
    const batch = batchOf([{ key: 'k', value: 'one' }, { value: null }, { value: 'three'.repeat(50) }], { compression });
    const sent = Buffer.from(batch);
    expect(await client.produce(topic, batch)).toMatchObject({ errorCode: 0, baseOffset: 0, logStartOffset: 0, logAppendTimeMs: -1 });
    expect(await client.produce(topic, batchOf([{ value: 'next' }]))).toMatchObject({ errorCode: 0, baseOffset: 3 });
    const fetched = await client.fetch(topic, 0);
    expect(fetched).toMatchObject({ errorCode: 0, highWatermark: 4, lastStableOffset: 4, logStartOffset: 0 });
    // Outside the CRC: base offset and leader epoch. Everything else is the producer's own.
    expect(Buffer.from(fetched.records ?? []).subarray(16, sent.length)).toEqual(sent.subarray(16));
    expect(valuesIn(fetched.records)).toEqual(['one', null, 'three'.repeat(50), 'next']);
  });

  it('returns the whole batch for an offset in the middle of it, and the first batch whatever the limits', async () => {
    await client.createTopic('middle');
    await client.produce('middle', batchOf(Array.from({ length: 10 }, (_, i) => ({ value: `value ${i}` }))));
    await client.produce('middle', batchOf([{ value: 'x'.repeat(1000) }]));
    expect(valuesIn((await client.fetch('middle', 5)).records)[0]).toBe('value 0');
    expect(valuesIn((await client.fetch('middle', 10, { maxBytes: 1, partitionMaxBytes: 1 })).records)).toEqual(['x'.repeat(1000)]);
    expect((await client.fetch('middle', 11)).records?.length).toBe(0);
    expect(await client.fetch('middle', 12)).toMatchObject({ errorCode: ErrorCode.OFFSET_OUT_OF_RANGE, highWatermark: -1 });
  });

  it('answers a long poll when records come, and not before', async () => {
    await client.createTopic('poll');
    const waiting = await RawClient.connect(local.port);
    const startedMs = performance.now();
    const poll = waiting.fetch('poll', 0, { maxWaitMs: 10_000 });
    await client.produce('poll', batchOf([{ value: 'wake up' }]));
    expect(valuesIn((await poll).records)).toEqual(['wake up']);
    expect(performance.now() - startedMs).toBeLessThan(5000);
    const emptyMs = performance.now();
    expect((await waiting.fetch('poll', 1, { maxWaitMs: 200 })).records?.length).toBe(0);
    expect(performance.now() - emptyMs).toBeGreaterThanOrEqual(190);
    waiting.close();
  });

  it('waits for min.bytes, over several produces', async () => {
    await client.createTopic('min-bytes');
    const waiting = await RawClient.connect(local.port);
    const poll = waiting.fetch('min-bytes', 0, { maxWaitMs: 10_000, minBytes: 1500 });
    for (let i = 0; i < 3; i++) await client.produce('min-bytes', batchOf([{ value: `${i}`.repeat(600) }]));
    expect(valuesIn((await poll).records).length).toBeGreaterThanOrEqual(3);
    waiting.close();
  });

  it('refuses what is too large, keyless on a compacted topic, out of time, and not a batch', async () => {
    await client.createTopic('strict', { configs: { 'max.message.bytes': '500', 'message.timestamp.before.max.ms': '1000' } });
    await client.createTopic('compacted', { configs: { 'cleanup.policy': 'compact' } });
    const old = Date.now() - 60_000;
    expect(await client.produce('strict', batchOf([{ value: 'x'.repeat(600) }]))).toMatchObject({ errorCode: ErrorCode.MESSAGE_TOO_LARGE, baseOffset: -1 });
    expect(await client.produce('strict', batchOf([{ value: 'old', timestampMs: old }]))).toMatchObject({ errorCode: ErrorCode.INVALID_TIMESTAMP });
    expect(await client.produce('compacted', batchOf([{ key: 'a', value: '1' }, { value: 'no key' }]))).toMatchObject({
      errorCode: ErrorCode.INVALID_RECORD,
      recordErrors: [{ batchIndex: 1, batchIndexErrorMessage: 'Compacted topic cannot accept message without key' }],
    });
    expect(await client.produce('strict', new Uint8Array(0))).toMatchObject({ errorCode: ErrorCode.INVALID_RECORD });
    const truncated = batchOf([{ value: 'cut' }]).slice(0, -3);
    expect(await client.produce('strict', truncated)).toMatchObject({ errorCode: ErrorCode.CORRUPT_MESSAGE });
    const flipped = Uint8Array.from(batchOf([{ value: 'flipped' }]));
    flipped[flipped.length - 2]! ^= 1;
    expect(await client.produce('strict', flipped)).toMatchObject({ errorCode: ErrorCode.CORRUPT_MESSAGE });
    expect(await client.produce('strict', batchOf([{ value: 'zstd' }], { compression: 'zstd' }), { version: 6 })).toMatchObject({ errorCode: ErrorCode.UNSUPPORTED_COMPRESSION_TYPE });
    expect(await client.produce('nowhere', batchOf([{ value: 'x' }]))).toMatchObject({ errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION });
    expect(await client.produce('strict', batchOf([{ value: 'x' }]), { partition: 7 })).toMatchObject({ errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION });
    expect(await client.produce('strict', batchOf([{ value: 'x' }]), { acks: 5 })).toMatchObject({ errorCode: ErrorCode.INVALID_REQUIRED_ACKS });
    expect((await client.fetch('strict', 0)).highWatermark).toBe(0);
  });

  it('stamps the time of the append where the topic wants that', async () => {
    await client.createTopic('append-time', { configs: { 'message.timestamp.type': 'LogAppendTime' } });
    const beforeMs = Date.now();
    const answer = await client.produce('append-time', batchOf([{ value: 'a', timestampMs: 1000 }, { value: 'b', timestampMs: 2000 }]));
    expect(answer.logAppendTimeMs).toBeGreaterThanOrEqual(beforeMs);
    const records = recordsIn((await client.fetch('append-time', 0)).records);
    expect(records.map((it) => it.timestampMs)).toEqual([answer.logAppendTimeMs, answer.logAppendTimeMs]);
  });

  it('recompresses for a topic with a compression of its own', async () => {
    await client.createTopic('gzipped', { configs: { 'compression.type': 'gzip' } });
    await client.produce('gzipped', batchOf([{ key: 'k', value: 'v'.repeat(2000), timestampMs: 5 }, { value: null, timestampMs: 9 }]));
    const { records } = await client.fetch('gzipped', 0);
    expect(records?.length).toBeLessThan(300);
    expect(valuesIn(records)).toEqual(['v'.repeat(2000), null]);
    expect([batchBaseTimestampAt(records ?? new Uint8Array(), 0), batchMaxTimestampAt(records ?? new Uint8Array(), 0)]).toEqual([5, 9]);
  });

  it('keeps one copy of a retried batch, and refuses gaps and old epochs', async () => {
    await client.createTopic('idempotent');
    const { producerId, errorCode } = await client.ask(InitProducerId, 4, { transactionalId: null, transactionTimeoutMs: 0 });
    expect(errorCode).toBe(0);
    const send = (baseSequence: number, producerEpoch = 0) => client.produce('idempotent', batchOf([{ value: `${baseSequence}a` }, { value: `${baseSequence}b` }], { producerId, producerEpoch, baseSequence }));
    expect(await send(0)).toMatchObject({ errorCode: 0, baseOffset: 0 });
    expect(await send(2)).toMatchObject({ errorCode: 0, baseOffset: 2 });
    expect(await send(0)).toMatchObject({ errorCode: 0, baseOffset: 0 });
    expect(await send(8)).toMatchObject({ errorCode: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER });
    expect(await send(0, 1)).toMatchObject({ errorCode: 0, baseOffset: 4 });
    expect(await send(4, 0)).toMatchObject({ errorCode: ErrorCode.INVALID_PRODUCER_EPOCH });
    expect((await client.fetch('idempotent', 0)).highWatermark).toBe(6);
    const second = await client.ask(InitProducerId, 4, { transactionalId: null, transactionTimeoutMs: 0 });
    expect(second.producerId).toBeGreaterThan(producerId);
    expect(await client.ask(InitProducerId, 4, { transactionalId: 'tx', transactionTimeoutMs: 1000 })).toMatchObject({ errorCode: ErrorCode.UNSUPPORTED_VERSION });
  });

  it('appends pipelined requests of one connection in their order, with and without acknowledgement', async () => {
    await client.createTopic('pipelined');
    const values = Array.from({ length: 200 }, (_, i) => `${i}`);
    const acked: Promise<unknown>[] = [];
    values.forEach((value, i) => {
      if (i % 3 === 0) client.connection.send(Produce, 9, { acks: 0, timeoutMs: 1000, topicData: [{ name: 'pipelined', partitionData: [{ index: 0, records: batchOf([{ value }]) }] }] });
      else acked.push(client.produce('pipelined', batchOf([{ value }]), { acks: i % 3 === 1 ? 1 : -1 }));
    });
    await Promise.all(acked);
    expect(valuesIn((await client.fetch('pipelined', 0)).records)).toEqual(values);
  });

  it('closes the connection when a produce without acknowledgement fails', async () => {
    const doomed = await RawClient.connect(local.port);
    const closed = new Promise<void>((resolve) => (doomed.connection.onClose = () => resolve()));
    doomed.connection.send(Produce, 9, { acks: 0, timeoutMs: 1000, topicData: [{ name: 'nowhere', partitionData: [{ index: 0, records: batchOf([{ value: 'x' }]) }] }] });
    await closed;
  });

  it('finds offsets by time, and the special ones', async () => {
    await client.createTopic('times');
    for (const base of [1000, 2000, 3000]) await client.produce('times', batchOf([{ value: 'a', timestampMs: base }, { value: 'b', timestampMs: base + 500 }]));
    expect(await client.offsetAt('times', 1400)).toMatchObject({ offset: 1, timestamp: 1500 });
    expect(await client.offsetAt('times', 2000)).toMatchObject({ offset: 2, timestamp: 2000 });
    expect(await client.offsetAt('times', 9999)).toMatchObject({ offset: -1, timestamp: -1, errorCode: 0 });
    expect(await client.offsetAt('times', -1)).toMatchObject({ offset: 6 });
    expect(await client.offsetAt('times', -2)).toMatchObject({ offset: 0 });
    expect(await client.offsetAt('times', -3)).toMatchObject({ offset: 5, timestamp: 3500 });
    expect(await client.offsetAt('times', -4, { version: 8 })).toMatchObject({ offset: 0 });
    expect(await client.offsetAt('times', -5, { version: 9 })).toMatchObject({ offset: -1 });
    expect(await client.offsetAt('times', -1, { version: 1 })).toMatchObject({ offset: 6 });
    expect(await client.offsetAt('absent', -1)).toMatchObject({ errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION });
  });

  it('deletes records up to an offset or to the high watermark', async () => {
    await client.createTopic('trimmed');
    for (let i = 0; i < 5; i++) await client.produce('trimmed', batchOf([{ value: `${i}` }]));
    const trim = async (offset: number) => (await client.ask(DeleteRecords, 2, { timeoutMs: 1000, topics: [{ name: 'trimmed', partitions: [{ partitionIndex: 0, offset }] }] })).topics[0]?.partitions[0];
    expect(await trim(2)).toEqual({ partitionIndex: 0, lowWatermark: 2, errorCode: 0 });
    expect(await client.fetch('trimmed', 1)).toMatchObject({ errorCode: ErrorCode.OFFSET_OUT_OF_RANGE });
    expect(await client.fetch('trimmed', 2)).toMatchObject({ logStartOffset: 2, highWatermark: 5 });
    expect(await trim(9)).toMatchObject({ errorCode: ErrorCode.OFFSET_OUT_OF_RANGE, lowWatermark: -1 });
    expect(await trim(-1)).toEqual({ partitionIndex: 0, lowWatermark: 5, errorCode: 0 });
    expect(await client.offsetAt('trimmed', -2)).toMatchObject({ offset: 5 });
  });

  it('speaks of topics by id where the version does, and tells an unknown id', async () => {
    await client.createTopic('by-id');
    const topicId = await client.topicId('by-id');
    const produced = await client.ask(Produce, 13, { acks: -1, timeoutMs: 1000, topicData: [{ topicId, partitionData: [{ index: 0, records: batchOf([{ value: 'id' }]) }] }] });
    expect(produced.responses[0]).toMatchObject({ topicId, partitionResponses: [{ errorCode: 0, baseOffset: 0 }] });
    const ask = (id: string) => client.ask(Fetch, 17, { maxWaitMs: 0, minBytes: 1, topics: [{ topicId: id, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }] }], forgottenTopicsData: [] });
    expect(valuesIn((await ask(topicId)).responses[0]?.partitions[0]?.records ?? null)).toEqual(['id']);
    expect((await ask('hbRfPqASRA2ajJbAzSz1cg')).responses[0]?.partitions[0]).toMatchObject({ errorCode: ErrorCode.UNKNOWN_TOPIC_ID });
  });

  it('knows where leader epochs end, and fences older ones', async () => {
    await client.createTopic('epochs');
    await client.produce('epochs', batchOf([{ value: 'x' }]));
    const ask = async (leaderEpoch: number, currentLeaderEpoch = -1) => (await client.ask(OffsetForLeaderEpoch, 4, { replicaId: -1, topics: [{ topic: 'epochs', partitions: [{ partition: 0, currentLeaderEpoch, leaderEpoch }] }] })).topics[0]?.partitions[0];
    expect(await ask(0)).toMatchObject({ errorCode: 0, leaderEpoch: 0, endOffset: 1 });
    expect(await ask(0, 5)).toMatchObject({ errorCode: ErrorCode.UNKNOWN_LEADER_EPOCH });
    expect(await ask(7)).toMatchObject({ errorCode: 0, endOffset: -1 });
  });

  it('bounds what a compressed batch may expand to', async () => {
    await client.createTopic('bomb', { configs: { 'max.message.bytes': '10000000' } });
    const bomb = batchOf([{ value: '0'.repeat(300 * 1024 * 1024) }], { compression: 'gzip' });
    expect(await client.produce('bomb', bomb)).toMatchObject({ errorCode: ErrorCode.MESSAGE_TOO_LARGE });
    expect(await client.produce('bomb', batchOf([{ value: 'fine' }], { compression: 'gzip', codecs: nodeCodecs }))).toMatchObject({ errorCode: 0, baseOffset: 0 });
  }, 120_000);

  it('shows its log directories', async () => {
    const response = await client.ask(DescribeLogDirs, 4, { topics: [{ topic: 'middle', partitions: [0] }] });
    const [directory] = response.results;
    expect(directory).toMatchObject({ errorCode: 0, logDir: local.folder, topics: [{ name: 'middle', partitions: [{ partitionIndex: 0, offsetLag: 0, isFutureKey: false }] }] });
    expect(directory?.topics[0]?.partitions[0]?.partitionSize).toBeGreaterThan(1000);
    expect(directory?.usableBytes).toBeGreaterThan(0);
  });

  it('refuses topics that Kafka would refuse', async () => {
    const create = async (topic: Partial<Parameters<typeof CreateTopics.request.encode>[1]['topics'][number]>) =>
      (await client.ask(CreateTopics, 7, { topics: [{ name: 'refused', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [], ...topic }] })).topics[0]?.errorCode;
    expect(await create({ name: 'bad/name' })).toBe(ErrorCode.INVALID_TOPIC_EXCEPTION);
    expect(await create({ name: 'middle' })).toBe(ErrorCode.TOPIC_ALREADY_EXISTS);
    expect(await create({ replicationFactor: 3 })).toBe(ErrorCode.INVALID_REPLICATION_FACTOR);
    expect(await create({ numPartitions: 0 })).toBe(ErrorCode.INVALID_PARTITIONS);
    expect(await create({ configs: [{ name: 'retention.ms', value: 'soon' }] })).toBe(ErrorCode.INVALID_CONFIG);
    expect(await create({ numPartitions: -1, replicationFactor: -1 })).toBe(ErrorCode.NONE);
  });
});
