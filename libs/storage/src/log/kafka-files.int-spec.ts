import fs from 'node:fs';
import path from 'node:path';
import { COMPRESSION_TYPES } from '@millrace/foundation';
import { batchesOf, isBatchCrcValid } from '@millrace/records';
import { freePort, ManualClock, PeerProcess, peersMissing, RecordingLogger, runPeerTool, SeededRandom, temporaryFolder } from '@millrace/testkit';
import { DEFAULT_LOG_CONFIG, LogDirectory, NodeFileSystem, PartitionLog, type LogConfig, type PartitionLogOptions } from '../index.js';
import { batch, codecs, marker, readAll, START_MS } from '../../test/log-fixture.js';

const missing = peersMissing();
const withKafka = missing === undefined ? describe : describe.skip;
if (missing !== undefined) process.stderr.write(`skipped: ${missing}\n`);

function optionsFor(folder: string, config: Partial<LogConfig>, more: Partial<PartitionLogOptions> = {}): PartitionLogOptions & { readonly logger: RecordingLogger } {
  const partition = Number(folder.slice(folder.lastIndexOf('-') + 1));
  return {
    fileSystem: new NodeFileSystem(),
    folder,
    topic: path.basename(folder).slice(0, -String(partition).length - 1),
    partition,
    config: { ...DEFAULT_LOG_CONFIG, ...config },
    clock: new ManualClock(Date.now()),
    logger: new RecordingLogger(),
    codecs,
    hadCleanShutdown: false,
    recoveryPoint: 0,
    logStartOffset: 0,
    ...more,
  } as PartitionLogOptions & { readonly logger: RecordingLogger };
}

withKafka('Apache Kafka reads our files', () => {
  const folder = temporaryFolder('dump');
  const partition = `${folder.path}/orders-0`;
  const files = (suffix: string): string => fs.readdirSync(partition).filter((it) => it.endsWith(suffix)).map((it) => `${partition}/${it}`).join(',');
  const dump = async (...args: string[]): Promise<string> => {
    const result = await runPeerTool('kafka-dump-log', args);
    expect(result.stderr.split('\n').filter((it) => /exception|error/i.test(it))).toEqual([]);
    expect(result.status).toBe(0);
    return result.stdout;
  };

  beforeAll(async () => {
    const log = await PartitionLog.open(optionsFor(partition, { segmentBytes: 20_000, indexIntervalBytes: 1000 }));
    for (let offset = 0, i = 0; i < 300; i++) {
      const records = 1 + (i % 5);
      const compression = COMPRESSION_TYPES[i % 5];
      if (i % 30 === 29) log.append(marker({ baseOffset: offset++, producerId: 7, isCommit: i % 60 === 29 }));
      const known = log.producers.get(7)?.batches.at(-1)?.lastSequence ?? -1;
      log.append(batch({ baseOffset: offset, records, valueBytes: 400, compression, leaderEpoch: Math.floor(i / 100), timestampMs: START_MS + i * 7 - (i % 3) * 20, producer: i % 3 === 0 ? { id: 7, sequence: known + 1, isTransactional: true } : undefined }));
      offset += records;
    }
    await log.close();
  }, 60_000);
  afterAll(() => folder.remove());

  it('segments, to the last record', async () => {
    const output = await dump('--deep-iteration', '--files', files('.log'));
    const batches = output.split('\n').filter((it) => it.startsWith('baseOffset:'));
    expect(batches.length).toBe(310);
    expect(batches.filter((it) => !it.includes('isvalid: true'))).toEqual([]);
    const offsets = [...output.matchAll(/^\| offset: (\d+)/gm)].map((it) => Number(it[1]));
    expect(offsets).toEqual(offsets.map((_, i) => i));
    expect(offsets.length).toBeGreaterThan(800);
    expect(output).not.toMatch(/Found \d+ invalid bytes/);
  }, 60_000);

  it('offset indexes and time indexes, and finds that they agree with the segments', async () => {
    expect(files('.index').split(',').length).toBeGreaterThan(2);
    const sane = await dump('--index-sanity-check', '--files', files('.index'));
    expect(sane.match(/passed sanity check/g)?.length).toBe(files('.index').split(',').length);
    const output = await dump('--verify-index-only', '--files', `${files('.index')},${files('.timeindex')}`);
    expect(output).not.toMatch(/mismatch|out of order|offset not found|Found|indexed/i);
    const entries = await dump('--files', `${files('.index')},${files('.timeindex')}`);
    expect(entries.match(/^offset: \d+ position: \d+/gm)!.length).toBeGreaterThan(50);
    expect(entries.match(/^timestamp: \d+ offset: \d+/gm)!.length).toBeGreaterThan(20);
    expect(entries).not.toMatch(/mismatch|out of order|not found/i);
  }, 60_000);

  it('transaction indexes and producer snapshots', async () => {
    const output = await dump('--files', `${files('.txnindex')},${files('.snapshot')}`);
    expect(output.match(/producerId: 7 firstOffset: \d+ lastOffset: \d+ lastStableOffset: \d+/g)).toHaveLength(5);
    const snapshots = output.match(/producerId: 7 producerEpoch: 0 coordinatorEpoch: 0 currentTxnFirstOffset: .* lastTimestamp: \d+ firstSequence: \d+ lastSequence: \d+ lastOffset: \d+/g);
    expect(snapshots?.length).toBe(files('.snapshot').split(',').length);
  }, 60_000);
});

withKafka('we read the files of Apache Kafka', () => {
  const folder = temporaryFolder('kafka');
  let kafka: PeerProcess | undefined;
  afterAll(async () => {
    await kafka?.kill();
    folder.remove();
  });

  it('after a clean shutdown without any repair, and equally after a kill', async () => {
    const port = await freePort(2);
    kafka = await PeerProcess.kafka({ folder: folder.path, port, heap: ['-Xmx400m'], settings: { 'log.segment.bytes': '1048576', 'log.index.interval.bytes': '2000', 'num.partitions': '1' } });
    const ran = async (...args: Parameters<typeof runPeerTool>): Promise<void> => {
      const result = await runPeerTool(...args);
      expect({ tool: args[0], status: result.status, stderr: result.status === 0 ? '' : result.stderr }).toEqual({ tool: args[0], status: 0, stderr: '' });
    };
    const produce = (records: string, options: string[], props: string[]): Promise<void> =>
      ran('kafka-producer-perf-test', ['--topic', 'ours.too', '--num-records', records, '--record-size', '150', '--throughput', '-1', '--bootstrap-server', `127.0.0.1:${port}`, ...options, '--command-property', ...props]);
    await produce('15000', [], ['compression.type=none', 'linger.ms=0', 'batch.size=3000']);
    await produce('15000', ['--transactional-id', 'tx', '--transaction-duration-ms', '20'], ['compression.type=zstd', 'batch.size=20000']);
    const killed = `${folder.path}/killed`;
    fs.cpSync(`${folder.path}/data`, killed, { recursive: true });
    await kafka.stop();
    kafka = undefined;

    const logger = new RecordingLogger();
    const directory = await LogDirectory.open({ fileSystem: new NodeFileSystem(), folder: `${folder.path}/data`, nodeId: 1, clock: new ManualClock(Date.now()), random: new SeededRandom(1), logger, codecs });
    expect([directory.clusterId, directory.hadCleanShutdown]).toEqual(['kraftPeersAAAAAAAAAAAQ', true]);
    const found = directory.findPartitions().find((it) => it.topic === 'ours.too');
    expect(found?.topicId).toMatch(/^[A-Za-z0-9_-]{22}$/);
    const log = await directory.openPartition({ topic: 'ours.too', partition: 0, topicId: found?.topicId, config: { ...DEFAULT_LOG_CONFIG, segmentBytes: 1_048_576 } });
    const file = Buffer.concat(fs.readdirSync(log.folder).filter((it) => it.endsWith('.log')).sort().map((it) => fs.readFileSync(`${log.folder}/${it}`)));
    const bytes = await readAll(log);
    expect(bytes.equals(file)).toBe(true);
    const batches = [...batchesOf(bytes)];
    expect(batches.every((it) => isBatchCrcValid(bytes, it.position, codecs.crc32c))).toBe(true);
    expect(batches.at(-1)!.header.lastOffset + 1).toBe(log.logEndOffset);
    expect(log.segments.length).toBeGreaterThan(2);
    expect(log.logEndOffset).toBeGreaterThan(30_000);
    expect(log.producers.size).toBe(2);
    expect(log.leaderEpochs).toEqual([{ epoch: 0, startOffset: 0 }]);
    const middle = batches[Math.floor(batches.length / 2)]!.header;
    expect(await log.offsetForTimestamp(middle.maxTimestampMs)).toMatchObject({ timestampMs: middle.maxTimestampMs });
    for (const { header } of batches.filter((_, i) => i % 40 === 0)) {
      const result = await log.read({ offset: header.lastOffset, maxBytes: 100, minOneBatch: true });
      expect([...batchesOf(result.bytes)][0]?.header).toEqual(header);
    }
    expect(logger.complaints()).toEqual([]);

    const second = optionsFor(`${killed}/ours.too-0`, { segmentBytes: 1_048_576, indexIntervalBytes: 2000 });
    const recovered = await PartitionLog.open(second);
    expect((await readAll(recovered)).equals(bytes)).toBe(true);
    expect([...recovered.producers.all()].map((it) => [it.producerId, it.batches.at(-1)?.lastSequence]).sort()).toEqual([...log.producers.all()].map((it) => [it.producerId, it.batches.at(-1)?.lastSequence]).sort());
    expect(second.logger.complaints()).toEqual([]);
    await directory.close();
    await recovered.close();
  }, 120_000);
});
