import fs from 'node:fs';
import path from 'node:path';
import { CompressionTypes, Kafka, logLevel, type Message, type Producer } from 'kafkajs';
import { batchesOf, recordsOf } from '@millrace/records';
import { freePort, ManualClock, PeerProcess, peersMissing, RecordingLogger, SeededRandom, temporaryFolder, waitFor } from '@millrace/testkit';
import { DEFAULT_LOG_CONFIG, NodeFileSystem, PartitionLog, type AbortedTransaction } from '../index.js';
import { cleanNow, survivor, type Survivor } from '../../test/cleaner-fixture.js';
import { codecs } from '../../test/log-fixture.js';

const missing = peersMissing();
const withKafka = missing === undefined ? describe : describe.skip;
if (missing !== undefined) process.stderr.write(`skipped: ${missing}\n`);

const TOPIC = 'table';
const DELETE_RETENTION_MS = 4000;

/** A batch as both must leave it. The horizon itself is a moment of the cleaning: only that there is one can be compared. */
interface LeftBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly attributes: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly maxTimestampMs: number;
  readonly records: readonly Survivor[];
  /** Where neither horizon nor codec make a difference, the whole of it. */
  readonly bytes: string | undefined;
}

/** All batches of the finished segments in this folder, and which segments there are. */
function readFolder(folder: string): { readonly segments: string[]; readonly batches: LeftBatch[]; readonly aborted: string } {
  const segments = fs.readdirSync(folder).filter((it) => it.endsWith('.log')).sort().slice(0, -1);
  const batches = segments.flatMap((name) => {
    const bytes = fs.readFileSync(path.join(folder, name));
    return [...batchesOf(bytes)].map(({ position, header }): LeftBatch => ({
      baseOffset: header.baseOffset,
      lastOffset: header.lastOffset,
      attributes: header.attributes,
      producerId: header.producerId,
      producerEpoch: header.producerEpoch,
      baseSequence: header.baseSequence,
      maxTimestampMs: header.maxTimestampMs,
      records: [...recordsOf(bytes, codecs, { position, decompressedBytesMax: 10_000_000 })].map(survivor),
      bytes: header.hasDeleteHorizon || header.compression !== 'none' ? undefined : bytes.subarray(position, position + header.sizeBytes).toString('hex'),
    }));
  });
  const indexes = segments.map((it) => path.join(folder, it.replace('.log', '.txnindex'))).filter((it) => fs.existsSync(it));
  return { segments, batches, aborted: indexes.map((it) => fs.readFileSync(it).toString('hex')).join('') };
}

withKafka('what Apache Kafka has left of a log after cleaning it, and what we have', () => {
  const folder = temporaryFolder('kafka-cleaning');
  let kafka: PeerProcess;
  let client: Kafka;
  const data = path.join(folder.path, 'data');
  const partition = path.join(data, `${TOPIC}-0`);

  beforeAll(async () => {
    kafka = await PeerProcess.kafka({ folder: folder.path, port: await freePort(2), heap: ['-Xmx400m'], settings: { 'log.cleaner.backoff.ms': '100', 'log.cleaner.dedupe.buffer.size': '10485760', 'log.retention.check.interval.ms': '1000' } });
    client = new Kafka({ brokers: [kafka.address], clientId: 'cleaning', logLevel: logLevel.NOTHING });
  }, 180_000);
  afterAll(async () => {
    await kafka.stop();
    folder.remove();
  });

  async function alter(config: Readonly<Record<string, string>>): Promise<void> {
    const admin = client.admin();
    await admin.connect();
    const configEntries = Object.entries({ 'cleanup.policy': 'compact', 'segment.bytes': '1048576', 'delete.retention.ms': String(DELETE_RETENTION_MS), 'file.delete.delay.ms': '0', ...config }).map(([name, value]) => ({ name, value }));
    await admin.createTopics({ topics: [{ topic: TOPIC, numPartitions: 1, configEntries }] }).catch(() => undefined);
    await admin.alterConfigs({ validateOnly: false, resources: [{ type: 2, name: TOPIC, configEntries }] });
    await admin.disconnect();
  }

  const random = new SeededRandom(42);
  const messages = (count: number): Message[] =>
    Array.from({ length: count }, (_, i) => ({ key: `key-${random.integer(400)}`, value: random.integer(6) === 0 ? null : `${i} ${random.integer(1e9)} `.padEnd(300 + random.integer(500), 'v'), headers: random.integer(4) === 0 ? { h: 'header' } : {} }));

  async function write(batches: number): Promise<void> {
    const compression = [CompressionTypes.None, CompressionTypes.None, CompressionTypes.GZIP];
    const plain = client.producer();
    const idempotent = client.producer({ idempotent: true, maxInFlightRequests: 1 });
    const transactional: Producer[] = ['one', 'two'].map((it) => client.producer({ transactionalId: `${it}-${batches}`, idempotent: true, maxInFlightRequests: 1 }));
    // This one's records are soon superseded: its last batch must stay even so, empty.
    const early = client.producer({ idempotent: true, maxInFlightRequests: 1 });
    for (const it of [early, plain, idempotent, ...transactional]) await it.connect();
    await early.send({ topic: TOPIC, messages: [{ key: 'key-1', value: 'early' }, { key: 'key-2', value: 'early' }] });
    for (let i = 0; i < batches; i++) {
      const choice = random.integer(4);
      const send = { topic: TOPIC, messages: messages(1 + random.integer(12)), compression: compression[random.integer(3)]! };
      if (choice < 2) {
        await (choice === 0 ? plain : idempotent).send(send);
        continue;
      }
      const transaction = await transactional[choice - 2]!.transaction();
      await transaction.send(send);
      if (random.integer(2) === 0) await transaction.send({ ...send, messages: messages(3) });
      await (random.integer(2) === 0 ? transaction.commit() : transaction.abort());
    }
    for (const it of [early, plain, idempotent, ...transactional]) await it.disconnect();
  }

  const cleanedTo = (): number => Number(/^table 0 (\d+)$/m.exec(fs.readFileSync(path.join(data, 'cleaner-offset-checkpoint'), 'utf8'))?.[1] ?? -1);

  /** Kafka's log as it is now, cleaned by us in a folder of its own. */
  async function cleanCopy(name: string, cleanedOffset: number | undefined): Promise<string> {
    const copy = path.join(folder.path, name, `${TOPIC}-0`);
    fs.cpSync(partition, copy, { recursive: true });
    const fileSystem = new NodeFileSystem();
    const logger = new RecordingLogger();
    const log = await PartitionLog.open({
      fileSystem, folder: copy, topic: TOPIC, partition: 0, clock: new ManualClock(Date.now()), logger, codecs, hadCleanShutdown: false, recoveryPoint: 0, logStartOffset: 0,
      config: { ...DEFAULT_LOG_CONFIG, cleanupPolicies: ['compact'], segmentBytes: 1_048_576, deleteRetentionMs: DELETE_RETENTION_MS, fileDeleteDelayMs: 0 },
    });
    log.onHighWatermark(log.logEndOffset);
    await cleanNow(log, { fileSystem, nowMs: Date.now(), ...(cleanedOffset === undefined ? {} : { cleanedOffset }) });
    const aborted: AbortedTransaction[] = log.abortedTransactions(0, log.logEndOffset);
    expect(aborted.length).toBeGreaterThan(0);
    log.removeDeletedFiles();
    await log.close();
    return copy;
  }

  async function kafkaCleans(): Promise<void> {
    const active = Number.parseInt(fs.readdirSync(partition).filter((it) => it.endsWith('.log')).sort().at(-1) ?? '0', 10);
    await alter({ 'min.cleanable.dirty.ratio': '0.01' });
    await waitFor('Kafka has cleaned up to the active segment', 60_000, () => Promise.resolve(cleanedTo() === active && !fs.readdirSync(partition).some((it) => /cleaned|swap|deleted/.test(it))));
    await alter({ 'min.cleanable.dirty.ratio': '1' });
  }

  it('is the same: offsets, keys, values, tombstones, markers, emptied batches, transaction indexes; byte for byte without compression', async () => {
    await alter({ 'min.cleanable.dirty.ratio': '1' });
    await write(700);
    const first = readFolder(await cleanCopy('first', undefined));
    await kafkaCleans();
    const theirs = readFolder(partition);
    expect(first.batches.length).toBeGreaterThan(50);
    expect(first.batches.some((it) => it.records.length === 0)).toBe(true);
    expect(first.batches.filter((it) => it.bytes !== undefined).length).toBeGreaterThan(20);
    expect(first.batches.some((it) => it.records.some((record) => record.value === null))).toBe(true);
    expect(first).toEqual(theirs);

    // The horizons of the first cleaning pass; the second one takes tombstones and markers away.
    await write(300);
    await new Promise((resolve) => setTimeout(resolve, DELETE_RETENTION_MS + 500));
    const second = readFolder(await cleanCopy('second', cleanedTo()));
    await kafkaCleans();
    expect(second).toEqual(readFolder(partition));
    const firstTombstones = first.batches.flatMap((it) => it.records).filter((it) => it.value === null).map((it) => it.offset);
    const left = new Set(second.batches.flatMap((it) => it.records).map((it) => it.offset));
    expect(firstTombstones.filter((it) => left.has(it))).toEqual([]);
  }, 300_000);
});
