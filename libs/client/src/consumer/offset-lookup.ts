import { isRetriable, OperationalError, topicPartitionName, type BrokerId, type LeaderEpoch, type Offset, type TimestampMs, type TopicPartition } from '@millrace/foundation';
import { ErrorCode, ListOffsets, ProtocolError, type ListOffsetsResponse } from '@millrace/protocol';
import type { KafkaClient } from '../cluster/kafka-client.js';

export type IsolationLevel = 'read_uncommitted' | 'read_committed';

/** A time, or one of Kafka's special ones. */
export const OFFSET_AT = { latest: -1, earliest: -2, maxTimestamp: -3 } as const;

export interface OffsetQuestion extends TopicPartition {
  readonly timestampMs: TimestampMs;
}

export interface OffsetAnswer extends TopicPartition {
  /** -1: no record is that late. */
  readonly offset: Offset;
  readonly timestampMs: TimestampMs;
  readonly leaderEpoch: LeaderEpoch;
}

/** One answer for each question, in their order. Asks each partition's leader; tries again over leader changes. Rejects with the error of a partition that has none in time. */
export async function lookUpOffsets(client: KafkaClient, questions: readonly OffsetQuestion[], options: LookUpOptions): Promise<OffsetAnswer[]> {
  const answers = new Map((await Promise.all(layersOf(questions).map((it) => lookUpLayer(client, it, options)))).flat());
  return questions.flatMap((it) => answers.get(it) ?? []);
}

interface LookUpOptions {
  readonly isolationLevel: IsolationLevel;
  readonly timeoutMs?: number;
}

/** A request may name a partition once only. */
function layersOf(questions: readonly OffsetQuestion[]): OffsetQuestion[][] {
  const layers: Map<string, OffsetQuestion>[] = [];
  for (const it of questions) {
    const name = topicPartitionName(it);
    const layer = layers.find((known) => !known.has(name));
    if (layer === undefined) layers.push(new Map([[name, it]]));
    else layer.set(name, it);
  }
  return layers.map((it) => [...it.values()]);
}

async function lookUpLayer(client: KafkaClient, questions: readonly OffsetQuestion[], options: LookUpOptions): Promise<(readonly [OffsetQuestion, OffsetAnswer])[]> {
  const answers: OffsetAnswer[] = [];
  let open = [...questions];
  client.trackTopics(new Set(questions.map((it) => it.topic)));
  await client.retrying(
    async () => {
      const missing = open.filter((it) => !client.metadata.brokers.has(client.metadata.leaderOf(it.topic, it.partition)));
      if (missing.length > 0) await client.refreshMetadata();
      const round = await Promise.all([...byLeader(client, open)].map(([leader, group]) => askLeader(client, leader, group, options.isolationLevel)));
      answers.push(...round.flatMap((it) => it.answers));
      const failures = round.flatMap((it) => it.failures);
      const answered = new Set(answers.map(topicPartitionName));
      open = open.filter((it) => !answered.has(topicPartitionName(it)));
      if (open.length === 0) return;
      if (failures.length > 0) client.requestRefresh();
      const first = open[0];
      throw failures.find((it) => !isRetriable(it)) ?? failures[0] ?? new OperationalError('LEADER_UNKNOWN', `no leader is known for ${first === undefined ? '' : topicPartitionName(first)}`, { isRetriable: true });
    },
    options.timeoutMs,
  );
  const byName = new Map(answers.map((it) => [topicPartitionName(it), it]));
  return questions.flatMap((it) => {
    const answer = byName.get(topicPartitionName(it));
    return answer === undefined ? [] : [[it, answer] as const];
  });
}

function byLeader(client: KafkaClient, questions: readonly OffsetQuestion[]): Map<BrokerId, OffsetQuestion[]> {
  const groups = new Map<BrokerId, OffsetQuestion[]>();
  for (const it of questions) {
    const leader = client.metadata.leaderOf(it.topic, it.partition);
    if (!client.metadata.brokers.has(leader)) continue;
    const group = groups.get(leader);
    if (group === undefined) groups.set(leader, [it]);
    else group.push(it);
  }
  return groups;
}

async function askLeader(client: KafkaClient, leader: BrokerId, questions: readonly OffsetQuestion[], isolationLevel: IsolationLevel): Promise<{ answers: OffsetAnswer[]; failures: unknown[] }> {
  const topics = new Map<string, { partitionIndex: number; timestamp: number; currentLeaderEpoch: number }[]>();
  for (const { topic, partition, timestampMs } of questions) {
    const item = { partitionIndex: partition, timestamp: timestampMs, currentLeaderEpoch: -1 };
    const list = topics.get(topic);
    if (list === undefined) topics.set(topic, [item]);
    else list.push(item);
  }
  try {
    const isCommitted = isolationLevel === 'read_committed';
    const response: ListOffsetsResponse = await client.request(leader, ListOffsets, (version) => {
      if (questions.some((it) => it.timestampMs === OFFSET_AT.maxTimestamp) && version < 7) throw new ProtocolError(ErrorCode.UNSUPPORTED_VERSION, 'The broker cannot look up the largest timestamp');
      return { replicaId: -1, isolationLevel: version >= 2 && isCommitted ? 1 : 0, topics: [...topics].map(([name, partitions]) => ({ name, partitions })) };
    });
    const answers: OffsetAnswer[] = [];
    const failures: unknown[] = [];
    for (const { name, partitions } of response.topics) {
      for (const it of partitions) {
        if (it.errorCode === ErrorCode.NONE) answers.push({ topic: name, partition: it.partitionIndex, offset: it.offset, timestampMs: it.timestamp, leaderEpoch: it.leaderEpoch });
        else failures.push(new ProtocolError(it.errorCode, `${name}-${it.partitionIndex}: ${new ProtocolError(it.errorCode).message}`));
      }
    }
    return { answers, failures };
  } catch (error) {
    return { answers: [], failures: [error] };
  }
}
