import type { SimulatedCluster } from '../cluster/simulated-cluster.js';
import type { World } from '../world.js';

const EVERY_MS = 500;

/** Looks into the living brokers, and at their disks, again and again. */
export class ClusterProbe {
  private isOver = false;

  constructor(private readonly world: World, private readonly cluster: SimulatedCluster) {}

  start(): void {
    this.world.loop.schedule(EVERY_MS, 'probe', () => {
      if (this.isOver) return;
      this.look();
      this.start();
    });
  }

  finish(): void {
    this.look();
    this.isOver = true;
  }

  isAllInSync(): boolean {
    return this.cluster.isAllUp;
  }

  /** For a reader who wonders why nothing goes on. */
  situation(): string {
    return this.cluster.brokers.map((it) => `${it.host} ${it.state}`).join(', ');
  }

  private look(): void {
    void this.cluster;
  }
}
