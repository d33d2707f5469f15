import { ZERO_UUID } from '@millrace/foundation';
import { ErrorCode } from '@millrace/protocol';
import { GROUP_CONFIG_DEFAULTS, type ClassicGroup, type GroupCoordinator, type GroupEffects, type GroupReply } from '../src/index.js';
import { GroupDriver } from './group-driver.js';
import { SeededRandom } from '@millrace/testkit';

const GROUP = 'g';
const PARTITIONS = 6;
const REFUSALS = [ErrorCode.NOT_ENOUGH_REPLICAS, ErrorCode.NOT_LEADER_OR_FOLLOWER, ErrorCode.REQUEST_TIMED_OUT];
const text = new TextDecoder();
const bytes = new TextEncoder();

/** A consumer that behaves, more or less: it may repeat itself, stall, forget its id, or commit for a generation that has gone. */
class Client {
  memberId = '';
  generationId = -1;
  isLeader = false;
  protocolName = '';
  memberIds: readonly string[] = [];
  version = 0;
  constructor(
    readonly name: string,
    readonly instanceId: string | null,
  ) {}
}

type Asked = { readonly kind: 'join' | 'leave'; readonly client: Client } | { readonly kind: 'sync'; readonly client: Client; readonly generationId: number } | { readonly kind: 'commit'; readonly partition: number; readonly offset: number; readonly mayPass: boolean };

/** Random clients, timeouts, refused appends and restarts over one group, with the invariants checked after every step. Throws at the first that does not hold. */
export class GroupSimulation {
  readonly counts = { steps: 0, joins: 0, assignments: 0, commits: 0, refusedCommits: 0, restarts: 0, refusals: 0, emptied: 0 };
  private readonly random;
  private readonly driver: GroupDriver;
  private readonly clients: Client[];
  private readonly asked = new Map<number, Asked>();
  private tokens = 0;
  /** What an acknowledged commit said last (invariant 24). */
  private readonly committed = new Map<number, number>();
  private nextOffset = 1;
  /** Who holds which partition in a generation (invariant 23). */
  private owners = new Map<string, string>();
  private generationSeen = -1;
  /** The log may lag behind the group: a record of it was refused. */

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
    const config = { ...GROUP_CONFIG_DEFAULTS, initialRebalanceDelayMs: this.random.pick([0, 3000]), groupSizeMax: this.random.pick([3, 100]) };
    this.driver = new GroupDriver(
      config,
      (reply) => this.answered(reply),
      (effects) => this.appended(effects),
    );
    this.clients = Array.from({ length: 5 }, (_, i) => new Client(`c${i}`, i < 2 ? `i${i}` : null));
  }

  run(steps: number): void {
    for (let i = 0; i < steps; i++) {
      this.counts.steps++;
      this.step();
      this.check();
    }
    // Every parked request is answered once the timeouts have passed.
    this.driver.advanceTo(this.driver.nowMs + 3_600_000);
    this.check();
    expectThat(this.asked.size === 0, `${this.asked.size} requests were never answered`);
  }

  private step(): void {
    const { driver, random } = this;
    const client = random.pick(this.clients);
    if (random.chance(0.04)) driver.refuseNext = random.pick(REFUSALS);
    switch (random.integer(12)) {
      case 0:
      case 1:
      case 2:
        this.join(client);
        break;
      case 3:
      case 4:
      case 5:
        this.sync(client);
        break;
      case 6:
        driver.shard.heartbeat({ groupId: GROUP, generationId: client.generationId, memberId: client.memberId, groupInstanceId: client.instanceId }, driver.nowMs);
        break;
      case 7:
      case 8:
        this.commit(client);
        break;
      case 9:
        if (random.chance(0.3)) this.leave(client);
        break;
      case 10:
        driver.advanceTo(driver.nowMs + random.pick([0, 1, 100, 1000, 3000, 9000, 30_000]));
        break;
      default:
        if (random.chance(0.1)) this.restart();
        else driver.advanceTo(driver.nowMs + random.integer(500));
    }
    if (driver.refuseNext !== ErrorCode.NONE) driver.refuseNext = ErrorCode.NONE;
  }

  private token(asked: Asked): number {
    this.asked.set(++this.tokens, asked);
    return this.tokens;
  }

  private join(client: Client): void {
    const { driver, random } = this;
    if (random.chance(0.1)) client.memberId = '';
    if (random.chance(0.1)) client.version++;
    const token = this.token({ kind: 'join', client });
    this.counts.joins++;
    const protocols = [{ name: 'range', metadata: bytes.encode(`v${client.version}`) }, ...(random.chance(0.5) ? [{ name: 'sticky', metadata: bytes.encode('s') }] : [])];
    driver.run(
      driver.shard.joinGroup(driver.caller(token, random.pick([3, 4, 9]), client.name), {
        groupId: GROUP,
        sessionTimeoutMs: 10_000,
        rebalanceTimeoutMs: 20_000,
        memberId: client.memberId,
        groupInstanceId: client.instanceId,
        protocolType: 'consumer',
        protocols,
        reason: null,
      }),
    );
  }

  private sync(client: Client): void {
    const { driver, random } = this;
    const generationId = client.generationId - (random.chance(0.05) ? 1 : 0);
    const token = this.token({ kind: 'sync', client, generationId });
    const assignments = client.isLeader
      ? client.memberIds.map((memberId, i) => ({ memberId, assignment: bytes.encode(Array.from({ length: PARTITIONS }, (_, p) => p).filter((p) => p % client.memberIds.length === i).join(',')) }))
      : [];
    driver.run(
      driver.shard.syncGroup(driver.caller(token, 5, client.name), {
        groupId: GROUP,
        generationId,
        memberId: client.memberId,
        groupInstanceId: client.instanceId,
        protocolType: null,
        protocolName: null,
        assignments,
      }),
    );
  }

  private commit(client: Client): void {
    const { driver, random } = this;
    const group = driver.shard.group(GROUP);
    const isSimple = random.chance(0.1);
    const generationId = isSimple ? -1 : client.generationId - (random.chance(0.2) ? 1 : 0);
    const memberId = isSimple ? '' : client.memberId;
    const isOwnGeneration = group !== undefined && group.members.has(memberId) && group.generationId === generationId && group.state !== 'CompletingRebalance';
    const isWithoutGroup = generationId < 0 && (group === undefined || group.state === 'Empty');
    const partition = random.integer(PARTITIONS);
    const offset = this.nextOffset++;
    const token = this.token({ kind: 'commit', partition, offset, mayPass: isOwnGeneration || isWithoutGroup });
    driver.run(
      driver.shard.offsetCommit(driver.caller(token, 9, client.name), {
        groupId: GROUP,
        generationIdOrMemberEpoch: generationId,
        memberId,
        groupInstanceId: isSimple ? null : client.instanceId,
        retentionTimeMs: -1,
        topics: [{ name: 't', topicId: ZERO_UUID, partitions: [{ partitionIndex: partition, committedOffset: offset, committedLeaderEpoch: -1, committedMetadata: null }] }],
      }),
    );
  }

  private leave(client: Client): void {
    const { driver } = this;
    const token = this.token({ kind: 'leave', client });
    driver.run(driver.shard.leaveGroup(driver.caller(token, 5, client.name), { groupId: GROUP, memberId: '', members: [{ memberId: client.memberId, groupInstanceId: client.instanceId, reason: null }] }));
    client.memberId = '';
    client.generationId = -1;
  }

  private restart(): void {
    this.counts.restarts++;
    this.driver.restart();
    expectThat(this.asked.size === 0, 'unloading answers every parked request');
    // A generation that no assignment was stored for is forgotten, and its number may come again.
    this.generationSeen = this.driver.shard.group(GROUP)?.generationId ?? -1;
    this.owners.clear();
  }

  private appended(effects: GroupEffects): void {
    for (const record of effects.records) {
      if (record.type !== 'GroupMetadata') continue;
      if (record.value?.members.length === 0) this.counts.emptied++;
    }
  }

  private answered(reply: GroupReply): void {
    const asked = this.asked.get(reply.token);
    expectThat(asked !== undefined, `${reply.api} ${reply.token} was answered twice`);
    this.asked.delete(reply.token);
    if (asked === undefined) return;
    if (reply.api === 'JoinGroup' && asked.kind === 'join') this.joined(asked.client, reply);
    else if (reply.api === 'SyncGroup' && asked.kind === 'sync') this.synced(asked.client, asked.generationId, reply);
    else if (reply.api === 'OffsetCommit' && asked.kind === 'commit') {
      const error = reply.response.topics[0]?.partitions[0]?.errorCode;
      if (error !== ErrorCode.NONE) {
        this.counts.refusedCommits++;
        return;
      }
      expectThat(asked.mayPass, 'a commit of a wrong generation was taken');
      this.counts.commits++;
      this.committed.set(asked.partition, asked.offset);
    }
  }

  private joined(client: Client, reply: Extract<GroupReply, { api: 'JoinGroup' }>): void {
    const { response } = reply;
    if (response.errorCode === ErrorCode.MEMBER_ID_REQUIRED) client.memberId = response.memberId;
    if (response.errorCode === ErrorCode.UNKNOWN_MEMBER_ID || response.errorCode === ErrorCode.FENCED_INSTANCE_ID || response.errorCode === ErrorCode.GROUP_MAX_SIZE_REACHED) client.memberId = '';
    if (response.errorCode !== ErrorCode.NONE) return;
    client.memberId = response.memberId;
    client.generationId = response.generationId ?? -1;
    client.isLeader = response.leader === response.memberId && response.skipAssignment !== true;
    client.memberIds = response.members.map((it) => it.memberId);
    expectThat(!client.isLeader || client.memberIds.includes(client.memberId), 'the leader is told of the members, itself among them');
  }

  private synced(client: Client, generationId: number, reply: Extract<GroupReply, { api: 'SyncGroup' }>): void {
    if (reply.response.errorCode !== ErrorCode.NONE) return;
    this.counts.assignments++;
    const group = this.driver.shard.group(GROUP);
    expectThat(group?.generationId === generationId, 'an assignment of another generation was told');
    expectThat(group?.state === 'Stable', 'an assignment is told only when it is stored');
    const owner = client.instanceId ?? client.memberId;
    for (const partition of text.decode(reply.response.assignment).split(',').filter((it) => it !== '')) {
      const key = `${group?.generationId} ${partition}`;
      const known = this.owners.get(key);
      expectThat(known === undefined || known === owner, `partition ${partition} belongs to ${known} and ${owner} in one generation`);
      this.owners.set(key, owner);
    }
  }

  private check(): void {
    const group = this.driver.shard.group(GROUP);
    // Invariant 25.
    if (group !== undefined) {
      expectThat(group.generationId >= this.generationSeen, `generation went back from ${this.generationSeen} to ${group.generationId}`);
      this.generationSeen = group.generationId;
      expectThat(group.state !== 'Empty' || group.members.size === 0, 'an empty group has no members');
      expectThat(group.members.size === 0 || (group.leaderId !== null && group.members.has(group.leaderId)), 'the leader is a member');
      expectThat([...group.pendingSyncIds].every((it) => group.members.has(it)), 'only members are waited for');
      expectThat(group.parkedJoinCount === [...group.members.values()].filter((it) => it.joinToken !== null).length, 'the count of parked joins is right');
    } else {
      this.generationSeen = -1;
    }
    const offsets = (shard: GroupCoordinator): string => JSON.stringify([...shard.committedOffsets.ofGroup(GROUP)].map(([topic, partitions]) => [topic, [...partitions].sort(([a], [b]) => a - b)]));
    for (const [partition, offset] of this.committed) {
      expectThat(this.driver.shard.committedOffsets.get(GROUP, 't', partition)?.offset === offset, `the acknowledged offset ${offset} of partition ${partition} is not there`);
    }
    if (this.counts.steps % 16 !== 0) return;
    const replayed = this.driver.replayed();
    expectThat(offsets(replayed) === offsets(this.driver.shard), 'replay gives the same offsets');
    if (group?.state === 'Stable') expectThat(durable(replayed.group(GROUP)) === durable(group), `replay gives the same group: ${durable(replayed.group(GROUP))} for ${durable(group)}`);
  }
}

/** What a restart must bring back. */
function durable(group: ClassicGroup | undefined): string {
  if (group === undefined) return 'none';
  const members = [...group.members.values()].map((it) => [it.memberId, it.groupInstanceId, it.sessionTimeoutMs, it.rebalanceTimeoutMs, text.decode(it.metadataFor(group.protocolName)), text.decode(it.assignment)]);
  return JSON.stringify([group.state, group.generationId, group.protocolType, group.protocolName, group.leaderId, members]);
}

function expectThat(holds: boolean, message: string): void {
  if (!holds) throw new Error(message);
}
