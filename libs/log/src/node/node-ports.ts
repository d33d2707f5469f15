import type { Clock, Codecs, Random, Scheduler, Transport } from '@millrace/foundation';
import { NodeTransport } from '@millrace/network';
import { nodeCodecs, systemClock, systemRandom, timerScheduler } from '@millrace/platform';
import { NodeFileSystem, type FileSystem } from '@millrace/storage';

/** What a node touches the world by. Given ones take the place of the machine's own: a simulation gives all of them. */
export interface NodePorts {
  readonly fileSystem: FileSystem;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly scheduler: Scheduler;
  readonly codecs: Codecs;
  /** Files, time and codecs are the machine's, so that a thread can make them anew. */
  readonly areOfMachine: boolean;
}

export function nodePorts(given: Partial<Omit<NodePorts, 'areOfMachine'>>): NodePorts {
  return {
    fileSystem: given.fileSystem ?? new NodeFileSystem(),
    transport: given.transport ?? new NodeTransport(),
    clock: given.clock ?? systemClock,
    random: given.random ?? systemRandom,
    scheduler: given.scheduler ?? timerScheduler,
    codecs: given.codecs ?? nodeCodecs,
    areOfMachine: [given.fileSystem, given.clock, given.scheduler, given.codecs].every((it) => it === undefined),
  };
}
