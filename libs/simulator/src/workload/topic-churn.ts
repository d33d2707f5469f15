import { Admin, KafkaClient } from '@millrace/client';
import { errorMessage, isRetriable } from '@millrace/foundation';
import { ErrorCode } from '@millrace/protocol';
import type { SeededRandom } from '@millrace/testkit';
import type { SimulatedCluster } from '../cluster/simulated-cluster.js';
import type { World } from '../world.js';
import { SimulatedClient } from './simulated-client.js';

export interface TopicChurnOptions {
  readonly world: World;
  readonly cluster: SimulatedCluster;
  /** Topics whose settings may change, but which stay. */
  readonly steadyTopics: readonly string[];
}

/** An operator at work: topics come, grow and go; settings change. */
export class TopicChurn {
  private readonly client: SimulatedClient;
  private readonly admin: Admin;
  private readonly random: SeededRandom;
  private readonly made: string[] = [];
  private count = 0;
  private isStopping = false;

  constructor(private readonly options: TopicChurnOptions) {
    this.client = new SimulatedClient(options.world, options.cluster, 'operator');
    this.admin = new Admin({ client: new KafkaClient(this.client.options()) });
    this.random = options.world.chance('operator');
  }

  start(): void {
    void this.work();
  }

  stop(): void {
    this.isStopping = true;
  }

  private async work(): Promise<void> {
    while (!this.isStopping) {
      await this.client.process.sleep(this.random.integer(6000));
      try {
        await this.step();
      } catch (error) {
        this.options.world.journal.write('operator', `failed: ${errorMessage(error)}`);
        if (!isRetriable(error)) this.options.world.breach('operators meet only failures that may be tried again', errorMessage(error));
      }
    }
  }

  private async step(): Promise<void> {
    const { random, options } = this;
    const what = random.integer(5);
    const topic = this.made.length === 0 ? undefined : random.pick(this.made);
    if (what === 0 || topic === undefined) {
      const name = `temporary-${(this.count += 1)}`;
      this.made.push(name);
      this.outcome(await this.admin.createTopics([{ name, partitions: 1 + random.integer(3), replicationFactor: options.cluster.replicationFactor }]), [ErrorCode.TOPIC_ALREADY_EXISTS, ErrorCode.INVALID_REPLICATION_FACTOR]);
    } else if (what === 1 && this.made.length > 2) {
      this.made.splice(this.made.indexOf(topic), 1);
      this.outcome(await this.admin.deleteTopics([topic]), [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]);
    } else if (what === 2) {
      this.outcome(await this.admin.createPartitions([{ name: topic, total: 2 + random.integer(5) }]), [ErrorCode.INVALID_PARTITIONS, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.INVALID_REPLICATION_FACTOR]);
    } else {
      const name = random.pick(options.steadyTopics);
      const changes = [random.pick([{ name: 'segment.bytes', value: '1048576' }, { name: 'index.interval.bytes', value: String(100 + random.integer(8000)) }, { name: 'segment.ms', value: String(3000 + random.integer(60_000)) }])];
      this.outcome(await this.admin.alterConfigs([{ type: 'topic', name, changes }]), []);
    }
  }

  /** The answer to an earlier attempt may have been lost: then the second one finds its work done. */
  private outcome(outcomes: readonly { readonly error: { readonly errorCode: number; readonly message: string } | undefined }[], fine: readonly number[]): void {
    for (const { error } of outcomes) {
      if (error === undefined || fine.includes(error.errorCode) || isRetriable(error)) continue;
      this.options.world.breach('operators meet only failures that may be tried again', error.message);
    }
  }
}
