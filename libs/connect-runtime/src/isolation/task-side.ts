import type { ConnectLogger, TaskSignal } from '@millrace/connect-api';
import { OperationalError } from '@millrace/foundation';
import { SinkLoop } from '../tasks/sink-loop.js';
import { SourceLoop } from '../tasks/source-loop.js';
import type { TaskLoop } from '../tasks/task-loop.js';
import { errorFromReport, errorReport, type Channel, type HostMessage, type OffsetRecord, type TaskMessage, type TaskRequest, type TaskSpec } from './task-protocol.js';
import { plainFields } from './plain-fields.js';
import { WorkerLease } from './worker-lease.js';

/** How often counters are told to the worker. */
const METRICS_INTERVAL_MS = 1000;

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** What a task loop asks of its worker. */
export interface TaskHostCalls {
  readOffsets(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | null)[]>;
  writeOffsets(records: readonly OffsetRecord[]): Promise<void>;
  reportState(state: 'RUNNING' | 'PAUSED'): void;
  reportTopic(topic: string): void;
  /** None where nobody else could run the task. */
  readonly lease?: WorkerLease;
}

/** The task's end of the protocol: runs one task, then calls `done`. */
export class TaskSide implements TaskHostCalls {
  readonly lease = new WorkerLease(-Infinity);
  private loop: TaskLoop | undefined;
  private nextId = 0;
  private readonly pending = new Map<number, Pending>();
  private metricsTimer: NodeJS.Timeout | undefined;
  private isEnded = false;

  constructor(
    private readonly channel: Channel<TaskMessage, HostMessage>,
    private readonly done: () => void,
  ) {
    channel.onMessage = (message) => this.take(message);
  }

  readOffsets(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | null)[]> {
    return this.request({ method: 'readOffsets', keys }) as Promise<readonly (Uint8Array | null)[]>;
  }

  async writeOffsets(records: readonly OffsetRecord[]): Promise<void> {
    await this.request({ method: 'writeOffsets', records });
  }

  reportState(state: 'RUNNING' | 'PAUSED'): void {
    this.channel.send({ type: 'state', state });
  }

  reportTopic(topic: string): void {
    this.channel.send({ type: 'topic', topic });
  }

  private take(message: HostMessage): void {
    switch (message.type) {
      case 'start':
        this.lease.renew(message.leaseUntilMs);
        void this.run(message.spec);
        return;
      case 'lease':
        if (message.untilMs === -Infinity) this.lease.end();
        else this.lease.renew(message.untilMs);
        return;
      case 'pause':
        return this.loop?.pause();
      case 'resume':
        return this.loop?.resume();
      case 'stop':
        if (this.loop) this.loop.requestStop();
        else this.end();
        return;
      case 'signal':
        void this.signal(message.id, message.signal);
        return;
      case 'reply': {
        const pending = this.pending.get(message.id);
        this.pending.delete(message.id);
        if (message.error) pending?.reject(errorFromReport(message.error));
        else pending?.resolve(message.value);
      }
    }
  }

  private async signal(id: number, signal: TaskSignal): Promise<void> {
    try {
      if (!this.loop) throw new OperationalError('CONNECT_TASK_NOT_RUNNING', 'the task is not running');
      await this.loop.signal(signal);
      this.channel.send({ type: 'signalled', id });
    } catch (error) {
      this.channel.send({ type: 'signalled', id, error: errorReport(error) });
    }
  }

  private async run(spec: TaskSpec): Promise<void> {
    try {
      const loop = spec.type === 'source' ? new SourceLoop(spec, this, this.logger(spec)) : new SinkLoop(spec, this, this.logger(spec));
      this.loop = loop;
      this.metricsTimer = setInterval(() => this.channel.send({ type: 'metrics', counters: loop.counters() }), METRICS_INTERVAL_MS);
      await loop.run();
      this.channel.send({ type: 'metrics', counters: loop.counters() });
      this.channel.send({ type: 'stopped' });
    } catch (error) {
      this.channel.send({ type: 'failed', error: errorReport(error) });
    }
    this.end();
  }

  private end(): void {
    if (this.isEnded) return;
    this.isEnded = true;
    clearInterval(this.metricsTimer);
    for (const { reject } of this.pending.values()) reject(new Error('the task has ended'));
    this.done();
  }

  private request(request: TaskRequest): Promise<unknown> {
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve, reject });
      this.channel.send({ type: 'request', id, request });
    });
  }

  private logger(spec: TaskSpec): ConnectLogger {
    const base = { connector: spec.id.connector, task: spec.id.task };
    const line =
      (level: 'debug' | 'info' | 'warn' | 'error') =>
      (fields: Readonly<Record<string, unknown>>, message: string): void =>
        this.channel.send({ type: 'log', level, fields: { ...base, ...plainFields(fields) }, message });
    return { trace: () => undefined, debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
  }
}
