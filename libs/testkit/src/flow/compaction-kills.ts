import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CompressionTypes, Kafka, logLevel } from 'kafkajs';
import { SeededRandom } from '../doubles/seeded-random.js';
import { peersMissing, repositoryRoot } from '../peers/peer-cache.js';
import { runPeerTool } from '../peers/peer-tools.js';
import { freePort } from '../processes/free-port.js';
import { MillraceProcess } from '../processes/millrace-process.js';
import { isListening, waitFor } from './flow.js';
import { readTopic } from './read-topic.js';

export interface CompactionKillsOptions {
  readonly folder: string;
  readonly kills: number;
  readonly seed: number;
  readonly say: (line: string) => void;
  /** Apache Kafka's dump tool looks at every file after so many kills, and at the end. */
  readonly dumpEvery?: number;
}

export interface CompactionKillsResult {
  readonly kills: number;
  /** Kills after which files of an unfinished cleaning were found: the others struck between two of them. */
  readonly killsInCleaning: number;
  /** Of those, kills in the middle of putting a cleaned segment in its place. */
  readonly killsInSwap: number;
  readonly recordsSent: number;
  /** By Apache Kafka's dump tool, all in all; 0 where it cannot be run. */
  readonly batchesDumped: number;
  /** What is wrong, at most twenty lines. */
  readonly problems: readonly string[];
}

const TOPIC = 'table';
const KEYS = 2000;
const BATCHES_PER_ROUND = 40;
const RECORDS_PER_BATCH = 100;

/**
 * A broker process that compacts without a pause is killed (SIGKILL) at random moments of it while a producer writes. After each kill kafkajs reads the topic: it must have the last
 * acknowledged value of every key. What was sent and not acknowledged may be there or not.
 */
export async function compactionKills(options: CompactionKillsOptions): Promise<CompactionKillsResult> {
  const run = new KillRun(options, await freePort());
  return run.run();
}

class KillRun {
  private readonly random: SeededRandom;
  private readonly acknowledged = new Map<string, string | null>();
  private readonly inFlight = new Map<string, string | null>();
  private readonly problems: string[] = [];
  private broker: MillraceProcess | undefined;
  private recordsSent = 0;
  private batchesDumped = 0;
  private killsInCleaning = 0;
  private killsInSwap = 0;

  constructor(private readonly options: CompactionKillsOptions, private readonly port: number) {
    this.random = new SeededRandom(options.seed);
  }

  async run(): Promise<CompactionKillsResult> {
    const { kills, dumpEvery = 10, say } = this.options;
    try {
      await this.start();
      await this.createTopic();
      for (let kill = 1; kill <= kills; kill++) {
        await this.killWhileCleaning();
        await this.start();
        await this.judge(kill);
        if (kill % dumpEvery === 0 || kill === kills) await this.dump(kill);
        if (kill % 10 === 0) say(`${kill} kills, ${this.killsInCleaning} with an unfinished cleaning, ${this.killsInSwap} in a swap, ${this.recordsSent} records, ${this.problems.length} problems`);
      }
    } finally {
      await this.broker?.kill();
    }
    const { recordsSent, batchesDumped, killsInCleaning, killsInSwap, problems } = this;
    return { kills, recordsSent, batchesDumped, killsInCleaning, killsInSwap, problems };
  }

  private get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  private get partitionFolder(): string {
    return path.join(this.options.folder, 'data', `${TOPIC}-0`);
  }

  private async start(): Promise<void> {
    this.broker = await MillraceProcess.start({
      root: repositoryRoot(),
      app: 'broker',
      folder: this.options.folder,
      isUp: () => isListening(this.port),
      config: {
        'node.id': '1',
        listeners: `PLAINTEXT://${this.address}`,
        'log.dirs': path.join(this.options.folder, 'data'),
        'offsets.topic.num.partitions': '1',
        'group.initial.rebalance.delay.ms': '0',
        'log.cleaner.backoff.ms': '10',
        'log.cleaner.io.max.bytes.per.second': '12000000',
        'log.segment.delete.delay.ms': '0',
      },
    });
  }

  private async createTopic(): Promise<void> {
    const admin = new Kafka({ brokers: [this.address], logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    const settings = { 'cleanup.policy': 'compact', 'segment.bytes': '1048576', 'min.cleanable.dirty.ratio': '0.01', 'delete.retention.ms': '500' };
    await admin.createTopics({ topics: [{ topic: TOPIC, numPartitions: 1, configEntries: Object.entries(settings).map(([name, value]) => ({ name, value })) }] });
    await admin.disconnect();
  }

  /** Writes; in every second round goes on writing while the broker dies. */
  private async killWhileCleaning(): Promise<void> {
    const { random } = this;
    const producer = new Kafka({ brokers: [this.address], logLevel: logLevel.NOTHING, retry: { retries: 0 } }).producer({ allowAutoTopicCreation: false, retry: { retries: 0 } });
    await producer.connect();
    let isDead = false;
    const write = async (batches: number): Promise<void> => {
      for (let i = 0; i < batches && !isDead; i++) await this.send((messages) => producer.send({ topic: TOPIC, messages, compression: i % 2 === 0 ? CompressionTypes.None : CompressionTypes.GZIP }));
    };
    await write(BATCHES_PER_ROUND);
    const writing = random.chance(0.5) ? write(BATCHES_PER_ROUND).catch(() => undefined) : Promise.resolve();
    await Promise.race([delay(2000), this.cleaningBegins()]);
    await delay(random.chance(0.3) ? 0 : random.next() * 150);
    await this.broker?.kill();
    isDead = true;
    await writing;
    const names = fs.readdirSync(this.partitionFolder);
    if (names.some((it) => /\.(cleaned|swap)$/.test(it))) this.killsInCleaning += 1;
    if (names.some((it) => it.endsWith('.swap'))) this.killsInSwap += 1;
    await producer.disconnect().catch(() => undefined);
  }

  private async cleaningBegins(): Promise<void> {
    const stage = this.random.chance(0.3) ? /\.(swap|deleted)$/ : /\.cleaned$/;
    while (!fs.readdirSync(this.partitionFolder).some((it) => stage.test(it))) await new Promise(setImmediate);
  }

  private async send(to: (messages: { key: string; value: string | null }[]) => Promise<unknown>): Promise<void> {
    const { random } = this;
    const messages = Array.from({ length: RECORDS_PER_BATCH }, () => {
      this.recordsSent += 1;
      return { key: `key-${random.integer(KEYS)}`, value: random.chance(0.1) ? null : `${this.recordsSent} `.padEnd(100 + random.integer(400), 'x') };
    });
    for (const it of messages) this.inFlight.set(it.key, it.value);
    await to(messages);
    for (const it of messages) this.acknowledged.set(it.key, it.value);
    this.inFlight.clear();
  }

  private problem(text: string): void {
    if (this.problems.length < 20) this.problems.push(text);
    this.options.say(text);
  }

  private async judge(kill: number): Promise<void> {
    const found = new Map<string, string | null>();
    let previous = -1;
    await readTopic(this.address, TOPIC, ({ key, value, offset }) => {
      if (Number(offset) <= previous) this.problem(`kill ${kill}: offset ${offset} behind ${previous}`);
      previous = Number(offset);
      found.set(key?.toString() ?? '', value?.toString() ?? null);
    });
    for (const key of new Set([...this.acknowledged.keys(), ...found.keys()])) {
      const value = found.get(key) ?? null;
      const isRight = value === (this.acknowledged.get(key) ?? null) || (this.inFlight.has(key) && value === (this.inFlight.get(key) ?? null));
      if (!isRight) this.problem(`kill ${kill}: ${key} is ${String(value).slice(0, 20)}, acknowledged was ${String(this.acknowledged.get(key)).slice(0, 20)}`);
      // What was not acknowledged has been found to be there or not.
      if (value === null) this.acknowledged.delete(key);
      else this.acknowledged.set(key, value);
    }
    this.inFlight.clear();
  }

  /** With the broker stopped in order, since its cleaner takes files away that the tool is about to read. */
  private async dump(kill: number): Promise<void> {
    if (peersMissing() !== undefined) return;
    await this.broker?.stop();
    const files = fs.readdirSync(this.partitionFolder).map((it) => path.join(this.partitionFolder, it));
    const logs = files.filter((it) => it.endsWith('.log') && fs.statSync(it).size > 0);
    const { stdout, stderr, status } = await runPeerTool('kafka-dump-log', ['--deep-iteration', '--files', logs.join(',')], { timeoutMs: 120_000 });
    const batches = stdout.split('\n').filter((it) => it.startsWith('baseOffset:'));
    this.batchesDumped += batches.length;
    const wrong = batches.filter((it) => !it.includes('isvalid: true'));
    if (status !== 0 || batches.length === 0 || wrong.length > 0 || /Found \d+ invalid bytes/.test(stdout)) this.problem(`kill ${kill}: kafka-dump-log finds ${wrong[0] ?? stderr.slice(0, 300)}`);
    const indexes = files.filter((it) => it.endsWith('.index') && fs.statSync(it).size > 0);
    const checked = indexes.length === 0 ? '' : (await runPeerTool('kafka-dump-log', ['--verify-index-only', '--files', indexes.join(',')], { timeoutMs: 120_000 })).stdout;
    if (/mismatch|out of order|not found/i.test(checked)) this.problem(`kill ${kill}: kafka-dump-log on an index: ${checked.slice(0, 300)}`);
    const left = files.filter((it) => /\.(cleaned|swap)$/.test(it));
    if (left.length > 0) this.problem(`kill ${kill}: left behind: ${left.join(', ')}`);
    await this.start();
    await waitFor('the broker is up again', 30_000, () => isListening(this.port));
  }
}
