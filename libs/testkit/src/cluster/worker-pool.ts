import path from 'node:path';
import { repositoryRoot } from '../peers/peer-cache.js';
import { freePort } from '../processes/free-port.js';
import { MillraceProcess } from '../processes/millrace-process.js';
import { JSON_SETTINGS } from './workload.js';

export interface PoolWorker {
  /** As statuses name it: `127.0.0.1:port`. */
  readonly id: string;
  readonly url: string;
  readonly process: MillraceProcess;
  isPaused: boolean;
}

/** Connect workers of one group, each a process of its own. */
export class WorkerPool {
  private readonly running = new Set<PoolWorker>();
  private started = 0;

  constructor(private readonly options: { readonly folder: string; readonly bootstrap: string; readonly groupId: string; readonly settings: Readonly<Record<string, string>> }) {}

  get workers(): readonly PoolWorker[] {
    return [...this.running];
  }

  get statusTopic(): string {
    return `${this.options.groupId}-status`;
  }

  /** Those that can answer. */
  get awake(): readonly PoolWorker[] {
    return this.workers.filter((it) => !it.isPaused);
  }

  async add(): Promise<PoolWorker> {
    const { folder, bootstrap, groupId, settings } = this.options;
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const process = await MillraceProcess.start({
      root: repositoryRoot(),
      app: 'connect',
      folder: path.join(folder, `worker-${++this.started}`),
      config: {
        'bootstrap.servers': bootstrap,
        'group.id': groupId,
        'config.storage.topic': `${groupId}-configs`,
        'offset.storage.topic': `${groupId}-offsets`,
        'status.storage.topic': this.statusTopic,
        'config.storage.replication.factor': '-1',
        'offset.storage.replication.factor': '-1',
        'status.storage.replication.factor': '-1',
        'offset.flush.interval.ms': '1000',
        listeners: url,
        ...JSON_SETTINGS,
        ...settings,
      },
      isUp: async () => (await fetch(`${url}/health`).catch(() => undefined)) !== undefined,
    });
    const worker = { id: `127.0.0.1:${port}`, url, process, isPaused: false };
    this.running.add(worker);
    return worker;
  }

  async kill(worker: PoolWorker): Promise<void> {
    this.running.delete(worker);
    await worker.process.kill();
  }

  async stop(worker: PoolWorker): Promise<void> {
    this.running.delete(worker);
    await worker.process.stop();
  }

  pause(worker: PoolWorker): void {
    worker.isPaused = true;
    worker.process.pause();
  }

  resume(worker: PoolWorker): void {
    worker.process.resume();
    worker.isPaused = false;
  }

  async stopAll(): Promise<void> {
    for (const worker of this.workers.filter((it) => it.isPaused)) this.resume(worker);
    await Promise.all(this.workers.map((it) => this.stop(it)));
  }
}
