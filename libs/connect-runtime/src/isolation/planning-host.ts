import { Worker } from 'node:worker_threads';
import { errorMessage, hasCode, OperationalError, type Logger } from '@millrace/foundation';
import type { PluginDescriptor } from '../plugins/plugin-descriptor.js';
import type { StringMap } from '../rest/shapes.js';
import { LATE, within } from '../waiting.js';
import { PlanningSide } from './planning-side.js';
import type { PlanningAnswers, PlanningCall, PlanningMessage, PlanningRequest } from './planning-protocol.js';
import { errorFromReport } from './task-protocol.js';
import { compiledEntry } from './compiled-entry.js';

/** A connector instance, wherever it lives. */
export interface PlannedConnector {
  start(config: StringMap): Promise<void>;
  taskConfigs(tasksMax: number): Promise<StringMap[]>;
  stop(): Promise<void>;
  onDeleted(config: StringMap): Promise<void>;
  /** Nothing more is asked of it. A thread in which it does not even answer is ended, and what else was in there begins anew. */
  abandon(): Promise<void>;
}

export interface PlannedConnectorEvents {
  readonly onReconfigure: () => void;
  readonly onError: (error: Error) => void;
  /** Its thread was ended because of another connector: it is to be opened again. */
  readonly onGone: () => void;
  readonly logger: Logger;
}

type Outbox = (call: PlanningCall) => void;
interface Pending {
  resolve(value: never): void;
  reject(error: Error): void;
}

/** An idle thread is kept for the next validation. */
const IDLE_MS = 10_000;
const ANSWERS_WITHIN_MS = 1000;
/** A call that takes longer is looked into: is it waiting, or does it hold the whole thread? */
const BLOCKED_AFTER_MS = 30_000;

/**
 * The planning halves of one plugin's connectors: in a thread of their own, so that one that blocks freezes neither the worker nor connectors
 * of other plugins; or in the worker's thread.
 */
export class PlanningHost {
  private send: Outbox | undefined;
  private thread: Worker | undefined;
  private readonly pending = new Map<number, Pending>();
  private readonly instances = new Map<number, PlannedConnectorEvents>();
  private nextId = 0;
  private idleTimer: NodeJS.Timeout | undefined;

  constructor(
    private readonly plugin: PluginDescriptor,
    private readonly options: { readonly isThread: boolean; readonly heapMaxMb: number; readonly logger: Logger; readonly blockedAfterMs?: number },
  ) {}

  /** What concerns no instance is asked once more when its thread was ended because of something else in there. */
  async call<M extends PlanningRequest['method']>(request: PlanningRequest & { readonly method: M }): Promise<PlanningAnswers[M]> {
    if ('instance' in request) return await this.ask<M>(request);
    try {
      return await this.ask<M>(request);
    } catch (error) {
      if (!hasCode(error, 'CONNECT_PLANNING_ENDED')) throw error;
      return await this.ask<M>(request);
    }
  }

  private async ask<M extends PlanningRequest['method']>(request: PlanningRequest & { readonly method: M }): Promise<PlanningAnswers[M]> {
    clearTimeout(this.idleTimer);
    const send = (this.send ??= this.options.isThread ? this.startThread() : this.inline());
    const id = this.nextId++;
    const watch = setTimeout(() => void this.endIfBlocked(), this.options.blockedAfterMs ?? BLOCKED_AFTER_MS);
    watch.unref();
    try {
      return await new Promise<PlanningAnswers[M]>((resolve, reject) => {
        this.pending.set(id, { resolve, reject });
        send({ id, plugin: this.plugin, request });
      });
    } finally {
      clearTimeout(watch);
      this.pending.delete(id);
      this.restSoon();
    }
  }

  open(connector: string, events: PlannedConnectorEvents): PlannedConnector {
    const instance = this.nextId++;
    this.instances.set(instance, events);
    return {
      start: (config) => this.call({ method: 'start', instance, connector, config }),
      taskConfigs: (tasksMax) => this.call({ method: 'taskConfigs', instance, tasksMax }),
      stop: () => this.call({ method: 'stop', instance }),
      onDeleted: (config) => this.call({ method: 'onDeleted', instance, config }),
      abandon: async () => {
        this.instances.delete(instance);
        if (this.send) void this.call({ method: 'forget', instance }).catch(() => undefined);
        await this.endIfBlocked();
        this.restSoon();
      },
    };
  }

  async close(): Promise<void> {
    this.instances.clear();
    await this.end(undefined);
  }

  private async endIfBlocked(): Promise<void> {
    const { thread } = this;
    if (!(await this.answers()) && this.thread === thread) await this.end(undefined);
  }

  /** False when the thread does not come to a question within a moment: something in there never lets go. */
  private async answers(): Promise<boolean> {
    if (!this.thread) return true;
    // An instance that is not there: refused at once.
    const asked = this.call({ method: 'taskConfigs', instance: -1, tasksMax: 0 }).catch(() => undefined);
    return (await within(ANSWERS_WITHIN_MS, asked)) !== LATE;
  }

  private startThread(): Outbox {
    const { logger, heapMaxMb } = this.options;
    const thread = new Worker(compiledEntry('planning-thread.js'), { resourceLimits: { maxOldGenerationSizeMb: heapMaxMb }, name: `planning ${this.plugin.class}` });
    let failure: Error | undefined;
    thread.unref();
    thread.on('message', (message: PlanningMessage) => this.take(message));
    thread.on('error', (error: unknown) => {
      failure = error instanceof Error ? error : new Error(String(error));
    });
    thread.on('exit', (code) => {
      if (this.thread !== thread) return;
      const error = failure ?? new OperationalError('CONNECT_PLANNING_EXITED', `The thread of ${this.plugin.class} ended with exit code ${code}`);
      logger.error({ plugin: this.plugin.class, error: errorMessage(error) }, 'the thread of a connector plugin has ended');
      void this.end(error);
    });
    this.thread = thread;
    return (call) => thread.postMessage(call);
  }

  private inline(): Outbox {
    const side = new PlanningSide((message) => this.take(message));
    return (call) => void side.take(call);
  }

  private take(message: PlanningMessage): void {
    if (message.type === 'answer') {
      const pending = this.pending.get(message.id);
      if (message.error) pending?.reject(errorFromReport(message.error));
      else pending?.resolve(message.value as never);
      return;
    }
    const events = this.instances.get(message.instance);
    if (!events) return;
    if (message.type === 'reconfigure') events.onReconfigure();
    else if (message.type === 'raised') events.onError(errorFromReport(message.error));
    else events.logger[message.level](message.fields, message.message);
  }

  private async end(error: Error | undefined): Promise<void> {
    const { thread } = this;
    clearTimeout(this.idleTimer);
    this.thread = undefined;
    this.send = undefined;
    const instances = [...this.instances.values()];
    this.instances.clear();
    const reason = error ?? new OperationalError('CONNECT_PLANNING_ENDED', `The thread of ${this.plugin.class} was ended: a connector in it did not answer any more`);
    for (const { reject } of [...this.pending.values()]) reject(reason);
    await thread?.terminate();
    for (const events of instances) {
      if (error) events.onError(error);
      else events.onGone();
    }
  }

  private restSoon(): void {
    if (!this.thread || this.instances.size > 0 || this.pending.size > 0) return;
    clearTimeout(this.idleTimer);
    this.idleTimer = setTimeout(() => void (this.instances.size === 0 && this.pending.size === 0 && this.end(undefined)), IDLE_MS);
    this.idleTimer.unref();
  }
}
