import { Admin } from '@millrace/client';
import { isRetriable } from '@millrace/foundation';
import { AlterPartitionReassignments, ElectLeaders, ErrorCode, ProtocolError } from '@millrace/protocol';
import { Operator, type OperatorOptions } from './operator.js';

export interface TopicChurnOptions extends OperatorOptions {
  /** Topics whose settings may change, but which stay. */
  readonly steadyTopics: readonly { readonly name: string; readonly partitions: number }[];
  /** Leaders may move with what the operator asks for next. */
  readonly beforeHandover: () => void;
}

/** An operator of the topics: they come, grow and go; settings change; replicas move and leaders are elected. */
export class TopicChurn {
  private readonly operator: Operator;
  private readonly admin: Admin;
  private readonly made: string[] = [];
  private count = 0;

  constructor(private readonly options: TopicChurnOptions) {
    const { world, cluster } = options;
    this.operator = new Operator({ world, cluster, host: 'operator', label: 'operator', chance: 'operator', pauseMs: { least: 0, spread: 6000 }, step: () => this.step() });
    this.admin = new Admin({ client: this.operator.kafka });
  }

  start(): void {
    this.operator.start();
  }

  stop(): void {
    this.operator.stop();
  }

  private async step(): Promise<void> {
    const { options } = this;
    const { random } = this.operator;
    const what = random.integer(options.cluster.brokers.length > 1 ? 8 : 5);
    const topic = this.made.length === 0 ? undefined : random.pick(this.made);
    if (what >= 5) options.beforeHandover();
    if (what === 5 || what === 6) await this.reassign();
    else if (what === 7) await this.electPreferred();
    else if (what === 0 || topic === undefined) {
      const name = `temporary-${(this.count += 1)}`;
      this.made.push(name);
      this.outcome(await this.admin.createTopics([{ name, partitions: 1 + random.integer(3), replicationFactor: options.cluster.replicationFactor }]), [ErrorCode.TOPIC_ALREADY_EXISTS, ErrorCode.INVALID_REPLICATION_FACTOR]);
    } else if (what === 1 && this.made.length > 2) {
      this.made.splice(this.made.indexOf(topic), 1);
      this.outcome(await this.admin.deleteTopics([topic]), [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]);
    } else if (what === 2) {
      this.outcome(await this.admin.createPartitions([{ name: topic, total: 2 + random.integer(5) }]), [ErrorCode.INVALID_PARTITIONS, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.INVALID_REPLICATION_FACTOR]);
    } else {
      const { name } = random.pick(options.steadyTopics);
      const changes = [random.pick([{ name: 'segment.bytes', value: '1048576' }, { name: 'index.interval.bytes', value: String(100 + random.integer(8000)) }, { name: 'segment.ms', value: String(3000 + random.integer(60_000)) }])];
      this.outcome(await this.admin.alterConfigs([{ type: 'topic', name, changes }]), []);
    }
  }

  /** Replicas go elsewhere, as many as before; or a move under way is called off. */
  private async reassign(): Promise<void> {
    const { options } = this;
    const { random } = this.operator;
    const { name, partitions } = random.pick(options.steadyTopics);
    const brokers = options.cluster.brokers.map((it) => it.brokerId);
    for (let i = brokers.length - 1; i > 0; i--) {
      const j = random.integer(i + 1);
      [brokers[i], brokers[j]] = [brokers[j] ?? 0, brokers[i] ?? 0];
    }
    const replicas = random.chance(0.25) ? null : brokers.slice(0, options.cluster.replicationFactor);
    const answer = await this.operator.kafka.requestController(AlterPartitionReassignments, () => ({ timeoutMs: 5000, topics: [{ name, partitions: [{ partitionIndex: random.integer(partitions), replicas }] }] }));
    const codes = [answer.errorCode, ...answer.responses.flatMap((it) => it.partitions.map((partition) => partition.errorCode))];
    this.answered(codes, [ErrorCode.NO_REASSIGNMENT_IN_PROGRESS, ErrorCode.INVALID_REPLICA_ASSIGNMENT]);
  }

  private async electPreferred(): Promise<void> {
    const { name, partitions } = this.operator.random.pick(this.options.steadyTopics);
    const answer = await this.operator.kafka.requestController(ElectLeaders, () => ({ electionType: 0, timeoutMs: 5000, topicPartitions: [{ topic: name, partitions: Array.from({ length: partitions }, (_, i) => i) }] }));
    const codes = [answer.errorCode, ...answer.replicaElectionResults.flatMap((it) => it.partitionResult.map((partition) => partition.errorCode))];
    this.answered(codes, [ErrorCode.ELECTION_NOT_NEEDED, ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE]);
  }

  private answered(codes: readonly number[], fine: readonly number[]): void {
    this.outcome(codes.map((code) => ({ error: code === ErrorCode.NONE ? undefined : new ProtocolError(code) })), fine);
  }

  /** The answer to an earlier attempt may have been lost: then the second one finds its work done. */
  private outcome(outcomes: readonly { readonly error: { readonly errorCode: number; readonly message: string } | undefined }[], fine: readonly number[]): void {
    for (const { error } of outcomes) {
      if (error === undefined || fine.includes(error.errorCode) || isRetriable(error)) continue;
      this.operator.breach(error.message);
    }
  }
}
