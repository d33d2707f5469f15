import { ZERO_UUID } from '@millrace/foundation';
import { ErrorCode, errorName, type OffsetFetchResponseInput } from '@millrace/protocol';
import { GROUP_CONFIG_DEFAULTS, type GroupConfig, type GroupReply } from '../src/index.js';
import { GroupDriver } from './group-driver.js';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** `consumer-00000000-0000-4000-8000-000000000002` <-> `consumer#2`. */
function shorten(text: string): string {
  return text.replace(/-00000000-0000-4000-8000-00000000([0-9a-f]{4})/g, (_, hex: string) => `#${parseInt(hex, 16)}`);
}
function lengthen(text: string): string {
  return text.replace(/#(\d+)/g, (_, count: string) => `-00000000-0000-4000-8000-${Number(count).toString(16).padStart(12, '0')}`);
}

/** Words of a line as `name=value`; a word without `=` is true. */
class Words {
  readonly verb: string;
  private readonly values = new Map<string, string>();
  constructor(line: string) {
    const [verb = '', ...words] = line.split(/\s+/);
    this.verb = verb;
    for (const word of words) {
      const at = word.indexOf('=');
      this.values.set(at < 0 ? word : word.slice(0, at), at < 0 ? 'true' : word.slice(at + 1));
    }
  }
  text(name: string, otherwise = ''): string {
    return lengthen(this.values.get(name) ?? otherwise);
  }
  optional(name: string): string | null {
    return this.values.has(name) ? this.text(name) : null;
  }
  number(name: string, otherwise: number): number {
    return Number(this.values.get(name) ?? otherwise);
  }
  list(name: string): string[] {
    const text = this.text(name);
    return text === '' ? [] : text.split(',');
  }
  has(name: string): boolean {
    return this.values.has(name);
  }
  entries(): [string, string][] {
    return [...this.values];
  }
}

/** Runs the lines of a transcript against one group machine and says, in words, what came out. */
export class Transcript {
  private out: string[] = [];
  private driver: GroupDriver;
  private tokens = 0;

  constructor() {
    this.driver = this.newDriver(GROUP_CONFIG_DEFAULTS);
  }

  run(line: string): string[] {
    this.out = [];
    const words = new Words(line);
    this.execute(words);
    return this.out.map(shorten);
  }

  private newDriver(config: GroupConfig): GroupDriver {
    return new GroupDriver(
      config,
      (reply) => this.out.push(describeReply(reply)),
      (effects) => {
        for (const { type, key, value } of effects.records) {
          if (type === 'OffsetCommit') this.out.push(`  log ${key.group} ${key.topic}-${key.partition} ${value === null ? 'tombstone' : `offset=${value.offset}`}${effects.transaction === null ? '' : ` producer=${effects.transaction.producerId}`}`);
          else if (value === null) this.out.push(`  log ${key.group} tombstone`);
          else this.out.push(`  log ${key.group} generation=${value.generation} protocol=${value.protocol} leader=${value.leader} members=[${value.members.map((it) => `${it.memberId}:${decoder.decode(it.assignment)}`).join(' ')}]`);
        }
      },
    );
  }

  private execute(words: Words): void {
    const { driver } = this;
    const { shard } = driver;
    const group = words.text('group', 'g');
    const token = words.number('token', ++this.tokens);
    const caller = driver.caller(token, words.number('v', 9), words.text('client', 'c'));
    switch (words.verb) {
      case 'config':
        this.driver = this.newDriver({ ...GROUP_CONFIG_DEFAULTS, ...Object.fromEntries(words.entries().map(([name, value]) => [name, Number(value)])) });
        return;
      case 'join':
        driver.run(
          shard.joinGroup(caller, {
            groupId: group,
            sessionTimeoutMs: words.number('session', 10_000),
            rebalanceTimeoutMs: words.number('rebalance', 60_000),
            memberId: words.text('member'),
            groupInstanceId: words.optional('instance'),
            protocolType: words.text('type', 'consumer'),
            protocols: words.text('protocols', 'range:x').split(',').filter((it) => it !== 'none').map((it) => ({ name: it.split(':')[0] ?? '', metadata: metadata(it.split(':')[1] ?? '') })),
            reason: null,
          }),
        );
        return;
      case 'sync':
        driver.run(
          shard.syncGroup(caller, {
            groupId: group,
            generationId: words.number('generation', 1),
            memberId: words.text('member'),
            groupInstanceId: words.optional('instance'),
            protocolType: words.optional('type'),
            protocolName: words.optional('protocol'),
            assignments: words.list('assign').map((it) => ({ memberId: it.split(':')[0] ?? '', assignment: encoder.encode(it.split(':')[1] ?? '') })),
          }),
        );
        return;
      case 'heartbeat': {
        const error = shard.heartbeat({ groupId: group, generationId: words.number('generation', 1), memberId: words.text('member'), groupInstanceId: words.optional('instance') }, driver.nowMs);
        this.out.push(`heartbeat ${errorName(error)}`);
        return;
      }
      case 'leave':
        driver.run(
          shard.leaveGroup(caller, {
            groupId: group,
            memberId: words.text('member'),
            members: words.list('members').map((it) => (it.startsWith('@') ? { memberId: '', groupInstanceId: it.slice(1), reason: null } : { memberId: it.split('@')[0] ?? '', groupInstanceId: it.split('@')[1] ?? null, reason: null })),
          }),
        );
        return;
      case 'commit':
      case 'txn-commit': {
        const topics = words.entries().flatMap(([name, value]) => {
          const match = /^([a-z]+)-(\d+)$/.exec(name);
          const [offset = '', note = ''] = value.split(':');
          if (match === null) return [];
          return [{ name: match[1] ?? '', topicId: ZERO_UUID, partitions: [{ partitionIndex: Number(match[2]), committedOffset: Number(offset), committedLeaderEpoch: -1, committedMetadata: note === 'long' ? 'x'.repeat(4097) : note }] }];
        });
        const identity = { groupId: group, memberId: words.text('member'), groupInstanceId: words.optional('instance'), topics };
        if (words.verb === 'commit') driver.run(shard.offsetCommit(caller, { ...identity, generationIdOrMemberEpoch: words.number('generation', -1), retentionTimeMs: words.number('retention', -1) }));
        else driver.run(shard.txnOffsetCommit(caller, { ...identity, transactionalId: 't', producerId: words.number('producer', 1), producerEpoch: 0, generationId: words.number('generation', -1) }));
        return;
      }
      case 'end-txn':
        driver.endTransaction(words.number('producer', 1), words.has('commit'));
        return;
      case 'fetch': {
        const asked = words.list('partitions');
        const topics = asked.length === 0 ? null : asked.map((it) => ({ name: it.split('-')[0] ?? '', topicId: ZERO_UUID, partitionIndexes: [Number(it.split('-')[1])] }));
        const question = { groupId: group, topics, requireStable: words.has('stable') };
        if (words.has('appended')) driver.run(shard.offsetFetchOfAppended(caller, question));
        else this.out.push(offsets(shard.offsetFetch(question)));
        return;
      }
      case 'delete-offsets': {
        const topics = words.list('partitions').map((it) => ({ name: it.split('-')[0] ?? '', partitions: [{ partitionIndex: Number(it.split('-')[1]) }] }));
        driver.run(shard.offsetDelete(caller, { groupId: group, topics }));
        return;
      }
      case 'delete-groups':
        driver.run(shard.deleteGroups(caller, { groupsNames: words.list('groups') }));
        return;
      case 'topics-deleted':
        driver.run(shard.topicsDeleted(new Set(words.list('topics')), driver.nowMs));
        return;
      case 'list':
        this.out.push(`groups [${shard.listGroups({ states: words.list('states'), types: words.list('types') }).map((it) => `${it.groupId}:${it.protocolType}:${it.groupState}`).join(' ')}]`);
        return;
      case 'describe':
        for (const it of shard.describeGroups([group], words.number('v', 6))) {
          this.out.push(`${it.groupId} ${errorName(it.errorCode ?? 0)} ${it.groupState} type=${it.protocolType} protocol=${it.protocolData} members=[${it.members.map((member) => `${member.memberId}${member.groupInstanceId === null ? '' : `@${member.groupInstanceId}`}:${decoder.decode(member.memberAssignment)}`).join(' ')}]`);
        }
        return;
      case 'advance':
        driver.advanceTo(driver.nowMs + words.number('ms', 0));
        return;
      case 'refuse':
        driver.refuseNext = ErrorCode[words.text('error') as keyof typeof ErrorCode];
        return;
      case 'cut-off':
        driver.replicates = false;
        return;
      case 'replicated':
        driver.replicated(words.number('to', driver.log.length));
        return;
      case 'restart':
        driver.restart();
        return;
      case 'state': {
        const it = shard.group(group);
        this.out.push(it === undefined ? `${group} is not there` : `${group} ${it.state} generation=${it.generationId} leader=${it.leaderId} members=[${[...it.members.keys()].join(' ')}] pending=${it.pendingMemberIds.size} parked=${it.parkedJoinCount}`);
        return;
      }
      default:
        throw new Error(`unknown verb ${words.verb}`);
    }
  }
}

/** `topics(a+b)` is a consumer subscription of topics a and b; anything else is its own bytes. */
function metadata(text: string): Uint8Array {
  const match = /^topics\((.*)\)$/.exec(text);
  if (match === null) return encoder.encode(text);
  const topics = (match[1] ?? '').split('+').filter((it) => it !== '');
  const bytes = [0, 0, 0, 0, 0, topics.length];
  for (const topic of topics) bytes.push(0, topic.length, ...encoder.encode(topic));
  return Uint8Array.from([...bytes, 255, 255, 255, 255]);
}

function describeReply(reply: GroupReply): string {
  const head = `${reply.token}: ${reply.api}`;
  switch (reply.api) {
    case 'JoinGroup': {
      const it = reply.response;
      if (it.errorCode !== 0) return `${head} ${errorName(it.errorCode ?? 0)} member=${it.memberId}`;
      return `${head} generation=${it.generationId} protocol=${it.protocolName} leader=${it.leader} member=${it.memberId} members=[${it.members.map((member) => member.memberId).join(' ')}]${it.skipAssignment === true ? ' skip' : ''}`;
    }
    case 'SyncGroup':
      return reply.response.errorCode === 0 ? `${head} assignment=${decoder.decode(reply.response.assignment)}` : `${head} ${errorName(reply.response.errorCode ?? 0)}`;
    case 'LeaveGroup':
      return `${head} ${errorName(reply.response.errorCode ?? 0)} [${(reply.response.members ?? []).map((it) => `${it.memberId}${it.groupInstanceId === null ? '' : `@${it.groupInstanceId}`}:${errorName(it.errorCode ?? 0)}`).join(' ')}]`;
    case 'OffsetDelete':
      if (reply.response.errorCode !== 0) return `${head} ${errorName(reply.response.errorCode ?? 0)}`;
      return `${head} ${partitions(reply.response.topics)}`;
    case 'OffsetCommit':
    case 'TxnOffsetCommit':
      return `${head} ${partitions(reply.response.topics)}`;
    case 'OffsetFetch':
      return `${head} ${offsets(reply.response)}`;
    case 'DeleteGroups':
      return `${head} [${reply.response.results.map((it) => `${it.groupId}:${errorName(it.errorCode ?? 0)}`).join(' ')}]`;
  }
}

function offsets(answer: OffsetFetchResponseInput.Group): string {
  const partition = (topic: string, it: OffsetFetchResponseInput.GroupTopicPartition): string => `${topic}-${it.partitionIndex}=${it.errorCode === undefined || it.errorCode === 0 ? it.committedOffset : errorName(it.errorCode)}${it.metadata === '' ? '' : `:${it.metadata}`}`;
  return `offsets [${answer.topics.flatMap((topic) => topic.partitions.map((it) => partition(topic.name ?? '', it))).join(' ')}]`;
}

function partitions(topics: readonly { readonly name?: string; readonly partitions: readonly { readonly partitionIndex: number; readonly errorCode?: number }[] }[]): string {
  return `[${topics.flatMap((topic) => topic.partitions.map((it) => `${topic.name}-${it.partitionIndex}:${errorName(it.errorCode ?? 0)}`)).join(' ')}]`;
}
