import { errorMessage } from '@millrace/foundation';
import { CrashedDisk, SeededRandom } from '@millrace/testkit';
import { SimulatedNetwork } from './network/simulated-network.js';
import { EventLoop } from './time/event-loop.js';
import { Journal } from './time/journal.js';
import { SimulatedProcess, WallClock } from './time/simulated-process.js';

/** Something that must not happen did. */
export interface Breach {
  /** Number in the list of invariants, or what else was expected. */
  readonly invariant: number | string;
  readonly text: string;
  readonly atMs: number;
}

const BREACHES_MAX = 20;

/** One simulation: its time, its chance, its network, and what went wrong in it. */
export class World {
  readonly loop = new EventLoop();
  readonly journal = new Journal(this.loop);
  readonly network: SimulatedNetwork;
  readonly breaches: Breach[] = [];
  /** Ends the run at the first breach. */
  stopsAtBreach = true;
  private processes = 0;

  constructor(readonly seed: number) {
    this.network = new SimulatedNetwork(this.loop, this.chance('network'));
    this.loop.onUncaught = (error, event) => this.uncaught(error, event.process?.name ?? 'the simulation');
  }

  /** A source of chance of its own, so that more of it here does not change what happens there. */
  chance(purpose: string): SeededRandom {
    let hash = this.seed | 0;
    for (let i = 0; i < purpose.length; i++) hash = Math.imul(hash ^ purpose.charCodeAt(i), 0x9e3779b1) + 0x7f4a7c15;
    return new SeededRandom(hash);
  }

  process(name: string, wall: WallClock): SimulatedProcess {
    this.processes += 1;
    return new SimulatedProcess(this.loop, name, this.processes, wall, this.chance(`${name}#${this.processes}`).integer(0x7fffffff));
  }

  wallClock(skewMs = 0): WallClock {
    return new WallClock(this.loop, skewMs);
  }

  breach(invariant: number | string, text: string): void {
    if (this.breaches.length >= BREACHES_MAX) return;
    this.breaches.push({ invariant, text, atMs: this.loop.nowMs });
    this.journal.write('BROKEN', `${typeof invariant === 'number' ? `invariant ${invariant}` : invariant}: ${text}`);
    if (this.stopsAtBreach) this.loop.stop();
  }

  /** In production the process would have ended here. What a dead process still says is nobody's. */
  uncaught(error: unknown, where: string): void {
    if (error instanceof CrashedDisk) return;
    this.breach('no uncaught error', `${where}: ${error instanceof Error ? (error.stack ?? error.message) : errorMessage(error)}`);
  }
}
