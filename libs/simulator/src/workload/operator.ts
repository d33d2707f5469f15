import { KafkaClient } from '@millrace/client';
import { errorMessage, isRetriable } from '@millrace/foundation';
import type { SeededRandom } from '@millrace/testkit';
import type { SimulatedCluster } from '../cluster/simulated-cluster.js';
import type { World } from '../world.js';
import { SimulatedClient } from './simulated-client.js';

export interface OperatorOptions {
  readonly world: World;
  readonly cluster: SimulatedCluster;
}

export interface OperatorTraits extends OperatorOptions {
  /** The host of its client. */
  readonly host: string;
  /** Of its lines in the journal. */
  readonly label: string;
  /** The name of its chance. */
  readonly chance: string;
  readonly pauseMs: { readonly least: number; readonly spread: number };
  readonly step: () => Promise<void>;
}

/** Somebody who changes the cluster while it runs, a step after each pause. Only failures that may be tried again may come of it. */
export class Operator {
  readonly kafka: KafkaClient;
  readonly random: SeededRandom;
  private readonly client: SimulatedClient;
  private isStopping = false;

  constructor(private readonly traits: OperatorTraits) {
    this.client = new SimulatedClient(traits.world, traits.cluster, traits.host);
    this.kafka = new KafkaClient(this.client.options());
    this.random = traits.world.chance(traits.chance);
  }

  start(): void {
    void this.work();
  }

  stop(): void {
    this.isStopping = true;
  }

  async attempt(what: () => Promise<void>): Promise<void> {
    try {
      await what();
    } catch (error) {
      this.write(`failed: ${errorMessage(error)}`);
      if (!isRetriable(error)) this.breach(errorMessage(error));
    }
  }

  write(line: string): void {
    this.traits.world.journal.write(this.traits.label, line);
  }

  breach(what: string): void {
    this.traits.world.breach('operators meet only failures that may be tried again', what);
  }

  private async work(): Promise<void> {
    const { least, spread } = this.traits.pauseMs;
    while (!this.isStopping) {
      await this.client.process.sleep(least + this.random.integer(spread));
      await this.attempt(this.traits.step);
    }
  }
}
