import type { KafkaClientOptions } from '@millrace/client';
import type { SimulatedCluster } from '../cluster/simulated-cluster.js';
import type { SimulatedProcess } from '../time/simulated-process.js';
import type { World } from '../world.js';

/** A machine with one client process after another on it. */
export class SimulatedClient {
  readonly process: SimulatedProcess;

  constructor(private readonly world: World, private readonly cluster: SimulatedCluster, readonly host: string) {
    this.process = world.process(host, world.wallClock());
  }

  get isDead(): boolean {
    return this.process.isDead;
  }

  options(): KafkaClientOptions {
    const { process } = this;
    return {
      bootstrapServers: this.cluster.bootstrapServers,
      clientId: process.name,
      requestTimeoutMs: 5000,
      connectTimeoutMs: 2000,
      apiTimeoutMs: 20_000,
      metadataMaxAgeMs: 10_000,
      transport: this.world.network.transportOf(process, this.host),
      clock: process.clock,
      scheduler: process.scheduler,
      random: process.random,
    };
  }

  kill(): void {
    if (this.process.isDead) return;
    this.world.journal.write(this.host, 'is killed');
    this.process.die();
    this.world.network.processEnded(this.process);
  }
}
