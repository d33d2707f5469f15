import { backoffMs, type BackoffSettings } from './backoff.js';
import type { Message, Failure, Outcome, Rejection } from './message.js';
import { HostGate, type HostLimits } from './host-gate.js';
import { type BatchLimits, HostQueue } from './host-queue.js';
import { Lane } from './lane.js';
import type { PartitionProgress } from './partition-progress.js';
import { WaitingHeap } from './waiting-heap.js';
import type { MessageItem } from './message-item.js';

export interface SchedulerSettings {
  readonly batch: BatchLimits;
  readonly host: HostLimits;
  /** Requests in flight, of all hosts together. */
  readonly concurrentMax: number;
  readonly backoff: BackoffSettings;
  /** Attempts after the first; null: as many as it takes. */
  readonly retriesMax: number | null;
  /** No attempt is planned later than so long after the first; null: no end. */
  readonly retriesEndAfterMs: number | null;
  readonly random: () => number;
}

const HOSTS_KEPT_MIN = 256;

/**
 * Says which message may start now, and what becomes of those that ended. Pure: the time is an argument, nothing is sent from here.
 *
 * The driver calls `next` until it gives nothing, comes back at `wakeAtMs` or when something has ended, hands each outcome to `ended`,
 * reports what that rejects, and then calls `settled`.
 */
export class MessageScheduler<T> {
  private readonly hosts = new Map<string, HostQueue<T>>();
  /** Hosts with something that waits to start. */
  private readonly busyHosts = new Set<HostQueue<T>>();
  private readonly backingOff = new WaitingHeap<Message<T>>();
  private sequence = 0;
  private wakeMs = Infinity;
  private hostsKept = HOSTS_KEPT_MIN;
  /** Requests that are on their way. */
  inFlight = 0;
  /** Items that are neither delivered nor reported, and the bytes of their bodies. */
  pendingItems = 0;
  pendingBytes = 0;

  constructor(private readonly settings: SchedulerSettings) {}

  /** When `next` may give something that it did not give now; undefined: only after something was added or has ended. */
  get wakeAtMs(): number | undefined {
    return this.wakeMs === Infinity ? undefined : this.wakeMs;
  }

  add(item: MessageItem<T>, nowMs: number): void {
    const { laneKey, progress } = item.place;
    item.sequence = this.sequence++;
    this.pendingItems += 1;
    this.pendingBytes += item.place.bytes;
    let lane = laneKey === null ? undefined : progress.lanes.get(laneKey);
    if (!lane) {
      lane = new Lane<T>(laneKey, progress.lanes);
      if (laneKey !== null) progress.lanes.set(laneKey, lane);
    }
    item.lane = lane;
    progress.add(item);
    lane.items.push(item);
    if (lane.isQueued) this.hosts.get(lane.items.peek()!.place.hostKey)?.laneGrew(lane, nowMs);
    else if (!lane.isBusy) this.enqueue(lane, nowMs);
  }

  /** The next message that may start; it counts as in flight from now on. */
  next(nowMs: number): Message<T> | undefined {
    this.wakeMs = Infinity;
    for (let retry = this.backingOff.take(nowMs); retry; retry = this.backingOff.take(nowMs)) this.again(retry, nowMs);
    this.wakeMs = this.backingOff.earliestMs ?? Infinity;
    if (this.inFlight >= this.settings.concurrentMax) return undefined;
    for (const host of this.busyHosts) {
      const dueMs = host.dueAtMs(nowMs);
      const readyMs = dueMs > nowMs ? dueMs : host.gate.readyAtMs(nowMs);
      if (readyMs > nowMs) {
        this.wakeMs = Math.min(this.wakeMs, readyMs);
        continue;
      }
      const message = host.take(nowMs);
      // In turn: a host that was served stands behind the others.
      this.busyHosts.delete(host);
      if (!host.isEmpty) this.busyHosts.add(host);
      if (!message || !this.isWanted(message, nowMs)) continue;
      if (message.failures === 0) message.firstStartedMs = nowMs;
      message.startedMs = nowMs;
      host.gate.started(nowMs);
      this.inFlight += 1;
      return message;
    }
    return undefined;
  }

  /**
   * An attempt has ended. What is rejected must be reported, and the message's lanes stay held until `settled`; so no later record of a
   * key is sent before it is known that the task goes on (Invariant 2). With nothing rejected everything is settled here.
   */
  ended(message: Message<T>, outcome: Outcome, nowMs: number): Rejection<T>[] {
    this.inFlight -= 1;
    const host = this.host(message.hostKey, nowMs);
    const failures = failuresOf(outcome);
    const [first] = failures;
    const holds = failures.flatMap((it) => (it.host === 'throttled' && it.retryAfterMs !== undefined ? [nowMs + it.retryAfterMs] : []));
    host.gate.ended(first?.host ?? 'ok', { startedMs: message.startedMs, nowMs, ...(holds.length > 0 && { holdUntilMs: Math.max(...holds) }) });
    const rejected: Rejection<T>[] = [];
    const remaining: MessageItem<T>[] = [];
    let worst: Failure | undefined;
    message.items.forEach((item, index) => {
      const failure = outcome.kind === 'itemized' ? outcome.results[index] : outcome.kind === 'failed' ? outcome.failure : null;
      if (item.isDropped) return;
      if (!failure) return this.done(item);
      if (failure.kind === 'permanent' || failure.kind === 'fatal' || (failure.kind === 'too-large' && message.items.length === 1 && !failure.mayFitLater)) rejected.push({ item, failure });
      else {
        remaining.push(item);
        if (!worst || (failure.retryAfterMs ?? 0) > (worst.retryAfterMs ?? 0)) worst = failure;
      }
    });
    message.items = remaining;
    if (worst) rejected.push(...this.plan(message, worst, nowMs));
    if (rejected.length > 0) message.openReports += 1;
    else this.finish(message, nowMs);
    return rejected;
  }

  /** What `ended` rejected has been reported: its lanes go on. */
  settled(message: Message<T>, reported: readonly Rejection<T>[], nowMs: number): void {
    for (const { item } of reported) this.done(item);
    message.openReports -= 1;
    this.finish(message, nowMs);
  }

  /** Once nothing of it is left to do, the next part follows, or its lanes are free. */
  private finish(message: Message<T>, nowMs: number): void {
    if (message.items.length > 0 || message.openReports > 0) return;
    const later = message.later.shift();
    if (later) {
      message.items = later;
      message.failures = 0;
      this.again(message, nowMs);
      return;
    }
    for (const lane of message.lanes) this.free(lane, nowMs);
  }

  /** Nothing of the partition is sent any more; an attempt that is on its way should be aborted. */
  forget(progress: PartitionProgress<T>): void {
    const lanes = new Set<Lane<T>>();
    for (const item of progress.drop()) {
      item.isDropped = true;
      this.pendingItems -= 1;
      this.pendingBytes -= item.place.bytes;
      if (item.lane) lanes.add(item.lane);
    }
    for (const lane of lanes) lane.items.clear();
  }

  /** Whether a host is left alone by its circuit breaker. */
  isHostOpen(hostKey: string): boolean {
    return this.hosts.get(hostKey)?.gate.isOpen ?? false;
  }

  /** Plans the next attempt, or gives up. */
  private plan(message: Message<T>, failure: Failure, nowMs: number): Rejection<T>[] {
    const { retriesMax, retriesEndAfterMs, backoff, random } = this.settings;
    if (failure.kind === 'aborted') {
      this.again(message, nowMs);
      return [];
    }
    if (failure.kind === 'too-large' && message.items.length > 1) {
      const half = Math.ceil(message.items.length / 2);
      message.later.unshift(message.items.slice(half));
      message.items = message.items.slice(0, half);
      this.again(message, nowMs);
      return [];
    }
    message.failures += 1;
    const atMs = nowMs + Math.max(failure.retryAfterMs ?? 0, backoffMs(backoff, message.failures, random));
    const isTooLate = retriesEndAfterMs !== null && atMs > message.firstStartedMs + retriesEndAfterMs;
    if ((retriesMax !== null && message.failures > retriesMax) || isTooLate) {
      const given = message.items.map((item) => ({ item, failure }));
      message.items = [];
      return given;
    }
    this.backingOff.add(atMs, message);
    return [];
  }

  /** Leaves out what was dropped meanwhile, here and when the message starts: it may wait for its host long after its time has come. False: nothing is left. */
  private isWanted(message: Message<T>, nowMs: number): boolean {
    if (message.items.some((it) => it.isDropped)) message.items = message.items.filter((it) => !it.isDropped);
    if (message.items.length > 0) return true;
    this.finish(message, nowMs);
    return false;
  }

  /** The message's time has come again. */
  private again(message: Message<T>, nowMs: number): void {
    if (!this.isWanted(message, nowMs)) return;
    const host = this.host(message.hostKey, nowMs);
    host.retries.push(message);
    this.busyHosts.add(host);
  }

  private done(item: MessageItem<T>): void {
    if (item.isDone || item.isDropped) return;
    item.isDone = true;
    this.pendingItems -= 1;
    this.pendingBytes -= item.place.bytes;
  }

  private free(lane: Lane<T>, nowMs: number): void {
    lane.isBusy = false;
    const head = lane.items.peek();
    if (head) this.enqueue(lane, nowMs);
    else lane.leave();
  }

  private enqueue(lane: Lane<T>, nowMs: number): void {
    const { hostKey, groupKey } = lane.items.peek()!.place;
    const host = this.host(hostKey, nowMs);
    host.addLane(lane, groupKey, nowMs);
    this.busyHosts.add(host);
  }

  private host(key: string, nowMs: number): HostQueue<T> {
    let host = this.hosts.get(key);
    if (host) return host;
    if (this.hosts.size >= this.hostsKept) {
      for (const [name, it] of this.hosts) if (it.isEmpty && it.gate.isIdle(nowMs)) this.hosts.delete(name);
      this.hostsKept = Math.max(HOSTS_KEPT_MIN, this.hosts.size * 2);
    }
    host = new HostQueue(key, new HostGate(this.settings.host, nowMs, this.settings.random), this.settings.batch);
    this.hosts.set(key, host);
    return host;
  }
}

function failuresOf(outcome: Outcome): Failure[] {
  if (outcome.kind === 'delivered') return [];
  return outcome.kind === 'failed' ? [outcome.failure] : outcome.results.filter((it) => it !== null);
}
