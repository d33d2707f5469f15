import os from 'node:os';
import { TaskThreadHost } from './task-thread-host.js';
import type { CarrierOptions, TaskCarrier } from './task-carrier.js';

const THREADS_PER_CORE = 4;
const THREADS_MIN = 16;

/** What the setting `task.threads.max` stands for. */
export function threadsMax(setting: number): number {
  return setting >= 0 ? setting : Math.max(THREADS_MIN, THREADS_PER_CORE * os.availableParallelism());
}

interface SharedThread {
  readonly host: TaskThreadHost;
  readonly pluginFile: string;
  readonly isExclusive: boolean;
}

/**
 * The threads that the tasks of a worker run in: each task has its own while there are fewer than `threadsMax`; after that tasks of the same plugin share, in the thread with the
 * fewest of them. When a shared thread ends unasked, any of its tasks may be to blame: each is started in a thread of its own from then on, so the next time only the culprit goes. When it is
 * ended because one task does not stop, that one gets a thread of its own from then on.
 */
export class TaskThreads {
  private readonly threads = new Set<SharedThread>();
  private readonly suspects = new Set<string>();

  constructor(private readonly threadsMax: number) {}

  start(options: CarrierOptions): TaskCarrier {
    const shared = this.shareable(options) ?? this.open(options);
    return shared.host.start(options.name);
  }

  get count(): number {
    return this.threads.size;
  }

  private shareable({ name, pluginFile }: CarrierOptions): SharedThread | undefined {
    if (this.threads.size < this.threadsMax || this.suspects.has(name)) return undefined;
    const [least] = [...this.threads].filter((it) => it.pluginFile === pluginFile && !it.isExclusive).sort((a, b) => a.host.taskCount - b.host.taskCount);
    return least;
  }

  private open(options: CarrierOptions): SharedThread {
    const host = new TaskThreadHost(options, (suspects) => {
      this.threads.delete(shared);
      for (const it of suspects) this.suspects.add(it);
    });
    const shared: SharedThread = { host, pluginFile: options.pluginFile, isExclusive: this.suspects.has(options.name) };
    this.threads.add(shared);
    return shared;
  }
}
