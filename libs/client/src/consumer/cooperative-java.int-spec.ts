import path from 'node:path';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import fc from 'fast-check';
import { topicPartitionName, type TopicPartition } from '@millrace/foundation';
import { peerClassPath, peersMissing, runProgram, spawnPeerTool, waitFor } from '@millrace/testkit';
import { startBroker, type BrokerUnderTest } from '../../test/broker-under-test.js';
import { kept, names, scene, squares, type Scene, type Shares } from '../../test/group-scenes.js';
import { Admin } from '../admin/admin.js';
import type { Assignor } from './assignors.js';
import { Consumer } from './consumer.js';
import { decodeAssignment, encodeSubscription } from './consumer-protocol.js';
import { cooperativeStickyAssignor, stickyAssignor } from './sticky-assignors.js';
import { decodePrevious, encodePrevious } from './sticky-user-data.js';

const missing = peersMissing();
const describeWithJava = missing === undefined ? describe : describe.skip;
const suffix = missing === undefined ? '' : ` (skipped: ${missing})`;

interface Judgement {
  readonly shares: Shares;
  readonly userData: ReadonlyMap<string, string>;
}

async function judged(assignor: Assignor, scenes: readonly Scene[]): Promise<Judgement[]> {
  const lines = scenes.map(({ counts, members }) => [assignor.name, [...counts].map((it) => it.join('=')).join(','), ...members.map((it) => `${it.memberId}=${Buffer.from(encodeSubscription(it)).toString('base64')}`)].join(' '));
  const { stdout } = await runProgram('java', ['-cp', peerClassPath(), path.join(__dirname, '../../test/java/StickyJudge.java')], { input: `${lines.join('\n')}\n`, timeoutMs: 110_000 });
  return stdout.trimEnd().split('\n').map((line) => {
    const answers = line.trim().split(' ').map((it) => it.split(/=(.*)/s) as [string, string]);
    return {
      shares: new Map(answers.map(([memberId, answer]) => [memberId, decodeAssignment(Buffer.from(answer.split(',')[0]!, 'base64'))])),
      userData: new Map(answers.map(([memberId, answer]) => [memberId, answer.split(',')[1]!])),
    };
  });
}

describeWithJava(`sticky assignors and the real Java ones${suffix}`, () => {
  /** As Java's eager members tell what they had. */
  const told = (it: Scene): Scene => ({ ...it, members: it.members.map((member) => ({ ...member, ownedPartitions: [], userData: stickyAssignor.userData!({ partitions: member.ownedPartitions, generationId: member.generationId }) })) });
  it('cooperative: read our subscriptions alike, keep as much, and give away as much at once, where all read the same', async () => {
    const scenes = fc.sample(scene({ membersMax: 9, partitionsMax: 14, isEqual: true }), 500);
    const java = await judged(cooperativeStickyAssignor, scenes);
    const wrong = scenes.flatMap((it, i) => {
      const ours = cooperativeStickyAssignor.assign(it.members, it.counts);
      const figures = (shares: Shares): string => `kept ${kept(it, shares)} given ${[...shares.values()].flat().length}`;
      return figures(ours) === figures(java[i]!.shares) ? [] : [{ it, ours: figures(ours), java: figures(java[i]!.shares) }];
    });
    expect({ count: wrong.length, first: wrong[0] }).toEqual({ count: 0, first: undefined });
    expect(java.length).toBe(scenes.length);
  }, 120_000);

  it('eager: read our user data alike, are as even and keep as much where all read the same; elsewhere ours is never less even', async () => {
    for (const isEqual of [true, false]) {
      // Java's gives a member that reads nothing a share all the same, if it is the first.
      const scenes = fc.sample(scene({ membersMax: 9, partitionsMax: 14, isEqual, topicsMin: 1 }), 500);
      const java = await judged(stickyAssignor, scenes.map(told));
      let better = 0;
      for (const [i, it] of scenes.entries()) {
        const ours = stickyAssignor.assign(told(it).members, it.counts);
        const [mine, theirs] = [ours, java[i]!.shares].map((shares) => ({ squares: squares(shares), kept: kept(it, shares) })) as [{ squares: number; kept: number }, { squares: number; kept: number }];
        if (isEqual) expect(mine).toEqual(theirs);
        expect(mine.squares).toBeLessThanOrEqual(theirs.squares);
        if (mine.squares === theirs.squares) expect(mine.kept).toBeGreaterThanOrEqual(theirs.kept);
        if (mine.squares < theirs.squares || mine.kept > theirs.kept) better += 1;
      }
      if (!isEqual) expect(better).toBeGreaterThan(0);
    }
  }, 120_000);

  it('write the same user data', async () => {
    const scenes = fc.sample(scene({ membersMax: 4, partitionsMax: 5, isEqual: false, topicsMin: 1 }), 200);
    for (const { shares, userData } of await judged(cooperativeStickyAssignor, scenes)) {
      for (const [memberId, bytes] of userData) expect(Buffer.from(cooperativeStickyAssignor.userData!({ partitions: shares.get(memberId)!, generationId: 5 })!).toString('base64')).toBe(bytes);
    }
    for (const { shares, userData } of await judged(stickyAssignor, scenes)) {
      for (const [memberId, bytes] of userData) {
        const share = shares.get(memberId)!;
        const read = decodePrevious(Buffer.from(bytes, 'base64'));
        expect({ ...read, partitions: names(read.partitions).sort() }).toEqual({ generationId: 5, partitions: names(share).sort() });
        // Several topics have the order of a hash table in Java.
        if (new Set(share.map((it) => it.topic)).size <= 1) expect(Buffer.from(encodePrevious({ partitions: share, generationId: 5 })).toString('base64')).toBe(bytes);
      }
    }
  }, 120_000);
});

/** Kafka's verifiable consumer: tells as lines of JSON what it is given and what is taken from it. */
class JavaMember {
  readonly owned = new Set<string>();
  readonly events: string[] = [];
  records = 0;
  private readonly child: ChildProcess;
  private readonly ended: Promise<unknown>;

  constructor(bootstrap: string, topic: string, groupId: string) {
    const args = ['--bootstrap-server', bootstrap, '--topic', topic, '--group-id', groupId, '--reset-policy', 'earliest', '--assignment-strategy', 'org.apache.kafka.clients.consumer.CooperativeStickyAssignor'];
    this.child = spawnPeerTool('kafka-verifiable-consumer', args, { stdio: ['ignore', 'pipe', 'ignore'] });
    this.ended = new Promise((resolve) => this.child.once('exit', resolve));
    createInterface({ input: this.child.stdout! }).on('line', (line) => this.take(line));
  }

  get share(): string {
    return [...this.owned].sort().join();
  }

  private take(line: string): void {
    if (!line.startsWith('{')) return;
    const { name, partitions = [], count = 0 } = JSON.parse(line) as { name: string; partitions?: TopicPartition[]; count?: number };
    if (name === 'records_consumed') this.records += count;
    if (name !== 'partitions_assigned' && name !== 'partitions_revoked') return;
    this.events.push(`${name === 'partitions_assigned' ? '+' : '-'}${names(partitions).sort().join()}`);
    for (const it of names(partitions)) {
      if (name === 'partitions_assigned') this.owned.add(it);
      else this.owned.delete(it);
    }
  }

  async stop(): Promise<void> {
    this.child.kill('SIGTERM');
    await this.ended;
  }
}

describeWithJava(`a group of Java's consumers and ours${suffix}`, () => {
  let broker: BrokerUnderTest;
  const closing: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    broker = await startBroker();
  });
  afterEach(async () => {
    await Promise.all(closing.splice(0).map((close) => close()));
  });
  afterAll(() => broker.stop());

  async function topic(name: string, partitions: number): Promise<void> {
    const admin = new Admin({ bootstrapServers: broker.bootstrapServers });
    await admin.createTopics([{ name, partitions, replicationFactor: 1 }]);
    await admin.close();
  }

  /** Polls in the background until it is closed. */
  function ours(name: string, groupId: string): { readonly consumer: Consumer; readonly events: string[]; share(): string } {
    const consumer = new Consumer({ bootstrapServers: broker.bootstrapServers, groupId, assignors: [cooperativeStickyAssignor], heartbeatIntervalMs: 300, autoOffsetReset: 'earliest' });
    const events: string[] = [];
    const note = (sign: string) => (partitions: readonly TopicPartition[]): void => void events.push(`${sign}${names(partitions).sort().join()}`);
    consumer.subscribe([name], { onAssigned: note('+'), onRevoked: note('-'), onLost: note('lost ') });
    let isOver = false;
    const polling = (async () => {
      while (!isOver) await consumer.poll(100);
    })();
    closing.push(async () => {
      isOver = true;
      await polling;
      await consumer.close();
    });
    return { consumer, events, share: () => consumer.assignment.map(topicPartitionName).sort().join() };
  }

  function java(name: string, groupId: string): JavaMember {
    const it = new JavaMember(broker.bootstrapServers, name, groupId);
    closing.push(() => it.stop());
    return it;
  }

  const isShared = (name: string, shares: readonly string[]): boolean =>
    shares.every((it) => it.split(',').length === 2) && [...shares.flatMap((it) => it.split(','))].sort().join() === Array.from({ length: shares.length * 2 }, (_, i) => `${name}-${i}`).join();

  it('shares partitions under a Java leader, and under ours when that is gone', async () => {
    await topic('java-leads', 4);
    const first = java('java-leads', 'java-leads');
    await waitFor('the Java member has all', 30_000, () => Promise.resolve(first.owned.size === 4));
    const mine = ours('java-leads', 'java-leads');
    await waitFor('it is shared', 30_000, () => Promise.resolve(isShared('java-leads', [first.share, mine.share()])));
    // From neither was ever revoked what it kept.
    expect(first.events.filter((it) => it.startsWith('-') && it !== '-')).toEqual([`-${mine.share()}`]);
    expect(mine.events.filter((it) => it !== '+')).toEqual([`+${mine.share()}`]);
    const before = mine.share();
    await first.stop();
    await waitFor('ours has all', 30_000, () => Promise.resolve(mine.consumer.assignment.length === 4));
    expect(mine.events.filter((it) => it.startsWith('-'))).toEqual([]);
    expect(before.split(',').every((it) => mine.share().includes(it))).toBe(true);
  }, 90_000);

  it('shares partitions under a leader of ours', async () => {
    await topic('ours-leads', 6);
    const mine = ours('ours-leads', 'ours-leads');
    await waitFor('ours has all', 30_000, () => Promise.resolve(mine.consumer.assignment.length === 6));
    const others = [java('ours-leads', 'ours-leads'), java('ours-leads', 'ours-leads')];
    await waitFor('it is shared', 40_000, () => Promise.resolve(isShared('ours-leads', [mine.share(), ...others.map((it) => it.share)])));
    const taken = mine.events.filter((it) => it.startsWith('-')).flatMap((it) => it.slice(1).split(','));
    expect(taken).toHaveLength(4);
    for (const it of mine.share().split(',')) expect(taken).not.toContain(it);
  }, 90_000);
});
