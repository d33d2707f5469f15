import { errorMessage, isRetriable, OperationalError, type BrokerEpoch, type BrokerId, type Clock, type Endpoint, type LeaderEpoch, type Logger, type Offset, type Scheduled, type Scheduler, type Transport, type Uuid } from '@millrace/foundation';
import { NegotiatedConnection } from '@millrace/network';
import { ErrorCode, errorName, Fetch, ListOffsets, type FetchRequestInput, type FetchResponse } from '@millrace/protocol';
import { isStorageFailure } from '../storage-failure.js';
import type { HostedPartition, LeaderAnswer } from './hosted-partition.js';
import { isThrottledReplica, type ReplicationThrottle } from './replication-throttle.js';

/** The highest are what metadata.version 4.0 speaks between brokers; below the lowest, a fetch would have to say other things. */
const FETCH_VERSIONS = { name: Fetch.name, apiKey: Fetch.apiKey, minVersion: 15, maxVersion: 17 };
const LIST_OFFSETS_VERSIONS = { name: ListOffsets.name, apiKey: ListOffsets.apiKey, minVersion: 4, maxVersion: 10 };
const LATEST = -1;
const EARLIEST = -2;
const CONNECT_TIMEOUT_MS = 10_000;
/** The first pause after an error; it doubles up to `replica.fetch.backoff.ms`. */
const FIRST_PAUSE_MS = 20;
/** A fetch that is out for so long waits for data: it may be called off for a partition that wants to join. */
const INTERRUPT_AFTER_MS = 50;
/** Only the first pauses are worth to call a waiting fetch off when they end. */
const INTERRUPTING_PAUSE_MS_MAX = 200;
const THROTTLED_PAUSE_MS = 100;
const NO_BYTES = new Uint8Array(0);
const NO_SESSION = { id: 0, epoch: 0 };

export interface ReplicaFetchSettings {
  readonly maxBytes: number;
  readonly minBytes: number;
  readonly waitMaxMs: number;
  readonly backoffMs: number;
  readonly responseMaxBytes: number;
  readonly socketTimeoutMs: number;
}

export interface ReplicaFetcherOptions {
  readonly brokerId: BrokerId;
  readonly brokerEpoch: () => BrokerEpoch;
  readonly leaderId: BrokerId;
  /** Of the leader, as the metadata has it now; undefined when it has none. */
  readonly endpoint: () => Endpoint | undefined;
  readonly settings: ReplicaFetchSettings;
  readonly throttle: ReplicationThrottle;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
}

/** One partition that is fetched. */
interface Followed {
  readonly hosted: HostedPartition;
  /** Its log is being brought in line with the leader's: not fetched meanwhile. */
  isBusy: boolean;
  notBeforeMs: number;
  pauseMs: number;
  /** Records that the leader's consumers could see at the last answer and this replica had not; -1 before the first. */
  lag: number;
  /** What the leader was told of it last. */
  askedOffset: Offset;
  askedEpoch: LeaderEpoch;
  askedLogStart: Offset;
}

/** What became of a response. */
interface Taken {
  readonly errorCode: number;
  readonly flushes: readonly Promise<unknown>[];
}

/**
 * Fetches from one leader broker, over one connection, all partitions that it leads and this broker follows: one request at a time, which is the back-pressure. Requests of a session name
 * only what is new since the one before, so that a round costs what has happened in it. A partition in trouble pauses by itself. Those that brought data go behind those that wait,
 * so that each gets its share of the bytes.
 */
export class ReplicaFetcher {
  private readonly partitions = new Map<HostedPartition, Followed>();
  private readonly byTopic = new Map<Uuid, Map<number, Followed>>();
  /** To be named in the next request. */
  private readonly changed = new Set<Followed>();
  /** Asked for by each request until it is forgotten. */
  private readonly asked = new Set<Followed>();
  private readonly paused = new Set<Followed>();
  private readonly forgotten = new Set<HostedPartition>();
  private session = NO_SESSION;
  private peer: NegotiatedConnection | undefined;
  private outSinceMs: number | undefined;
  private interruption: Scheduled | undefined;
  private isInterrupted = false;
  private wakeUp: (() => void) | undefined;
  private isStopped = false;
  private giveUpConnecting: () => void = () => undefined;
  private pauseMs = 0;
  private hasWarned = false;
  private running: Promise<void> | undefined;
  /** Partitions that are fetched no more after a fault of ours. */
  failedPartitions = 0;

  constructor(private readonly options: ReplicaFetcherOptions) {}

  get isEmpty(): boolean {
    return this.partitions.size === 0;
  }

  get maxLag(): number {
    let lag = 0;
    for (const it of this.partitions.values()) lag = Math.max(lag, it.lag);
    return lag;
  }

  /** From now on, from the end of its log; also for one that is here already and has heard of a new leader epoch. */
  add(hosted: HostedPartition): void {
    this.remove(hosted);
    const followed: Followed = { hosted, isBusy: false, notBeforeMs: 0, pauseMs: 0, lag: -1, askedOffset: -1, askedEpoch: -1, askedLogStart: -1 };
    this.partitions.set(hosted, followed);
    let partitions = this.byTopic.get(hosted.topicId);
    if (partitions === undefined) this.byTopic.set(hosted.topicId, (partitions = new Map()));
    partitions.set(hosted.partition, followed);
    this.changed.add(followed);
    this.running ??= this.run();
    this.wake();
  }

  /** What is under way for it has no effect any more; a cut that has begun goes on to its end (`HostedPartition.settled`). */
  remove(hosted: HostedPartition): void {
    const followed = this.partitions.get(hosted);
    if (followed === undefined) return;
    this.leaveOut(followed);
    this.paused.delete(followed);
    this.partitions.delete(hosted);
    const partitions = this.byTopic.get(hosted.topicId);
    if (partitions?.get(hosted.partition) === followed) partitions.delete(hosted.partition);
    if (partitions?.size === 0) this.byTopic.delete(hosted.topicId);
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    this.giveUpConnecting();
    this.interruption?.cancel();
    this.peer?.connection.close();
    this.wakeUp?.();
    await this.running;
  }

  private async run(): Promise<void> {
    // Partitions that are added together go into the first request together.
    await Promise.resolve();
    while (!this.isStopped) {
      try {
        // Connected first: what is added until then goes into this request, and does not wait for the end of one that was made before.
        this.endPauses();
        if (this.peer?.connection.isOpen !== true && this.hasToAsk && !(await this.tryToConnect())) continue;
        const request = this.nextRequest();
        if (request === undefined) await this.sleep(this.nextDueMs());
        else await this.fetch(request);
      } catch (error) {
        // A fault of ours, and of no partition by itself: all that are here would stay behind for good.
        this.options.logger.error({ leader: this.options.leaderId, error: errorMessage(error), stack: error instanceof Error ? error.stack : undefined }, 'a round of fetching failed; all is asked for anew');
        this.session = { id: this.session.id, epoch: 0 };
        await this.failed(error);
      }
    }
  }

  private get hasToAsk(): boolean {
    return this.changed.size > 0 || this.asked.size > 0;
  }

  /** False after a failure and its pause. */
  private async tryToConnect(): Promise<boolean> {
    try {
      await this.connected();
      return true;
    } catch (error) {
      await this.connectionFailed(error);
      return false;
    }
  }

  /** Whether the leader has seen a request that was out is not known: all is said anew. */
  private async connectionFailed(error: unknown): Promise<void> {
    this.session = { id: this.session.id, epoch: 0 };
    await this.failed(error);
  }

  private async fetch(request: FetchRequestInput): Promise<void> {
    let taken: Taken;
    try {
      taken = await this.exchange(request);
    } catch (error) {
      await this.connectionFailed(error);
      return;
    }
    if (taken.errorCode !== ErrorCode.NONE) {
      const isFirst = this.session.epoch !== 0;
      this.session = NO_SESSION;
      if (!isFirst) await this.failed(new OperationalError('FETCH_FAILED', `broker ${this.options.leaderId} answered ${errorName(taken.errorCode)}`, { isRetriable: true }));
      return;
    }
    // What the next fetch says is here must be as durable as the topic asks.
    if (taken.flushes.length > 0) await Promise.all(taken.flushes);
  }

  /** The batches are in the log when it returns: their memory is the next response's. */
  private takeAll(response: FetchResponse): Taken {
    const flushes: Promise<unknown>[] = [];
    if (response.errorCode !== ErrorCode.NONE) return { errorCode: response.errorCode, flushes };
    this.pauseMs = 0;
    this.hasWarned = false;
    if (this.session.epoch > 0) this.session = { id: this.session.id, epoch: nextSessionEpoch(this.session.epoch) };
    else this.session = response.sessionId === 0 ? NO_SESSION : { id: response.sessionId, epoch: 1 };
    for (const topic of response.responses) {
      const partitions = this.byTopic.get(topic.topicId);
      for (const answer of topic.partitions) {
        const followed = partitions?.get(answer.partitionIndex);
        if (followed !== undefined && this.isStillAsked(followed)) this.guarded(followed, () => this.take(followed, answer, flushes));
      }
    }
    return { errorCode: ErrorCode.NONE, flushes };
  }

  /** Undefined: there is nothing to ask for. */
  private nextRequest(): FetchRequestInput | undefined {
    this.endPauses();
    const isFull = this.session.epoch === 0;
    if (isFull) {
      this.asked.clear();
      this.forgotten.clear();
      for (const it of this.partitions.values()) if (!it.isBusy && !this.paused.has(it)) this.changed.add(it);
    }
    const topics = new Map<Uuid, FetchRequestInput.Partition[]>();
    const isThrottling = this.options.throttle.isExceeded;
    for (const followed of this.changed) {
      const { topicId, partition, log, machine } = followed.hosted;
      if (isThrottling && followed.lag !== 0 && this.isThrottled(followed.hosted)) {
        this.leaveOut(followed);
        this.pauseFor(followed, THROTTLED_PAUSE_MS);
        continue;
      }
      followed.askedOffset = log.logEndOffset;
      followed.askedEpoch = machine.leaderEpoch;
      followed.askedLogStart = log.logStartOffset;
      this.asked.add(followed);
      this.forgotten.delete(followed.hosted);
      let partitions = topics.get(topicId);
      if (partitions === undefined) topics.set(topicId, (partitions = []));
      partitions.push({ partition, currentLeaderEpoch: followed.askedEpoch, fetchOffset: followed.askedOffset, lastFetchedEpoch: log.latestEpoch, logStartOffset: followed.askedLogStart, partitionMaxBytes: this.options.settings.maxBytes });
    }
    this.changed.clear();
    if (this.asked.size === 0) return undefined;
    const { brokerId, brokerEpoch, settings } = this.options;
    return {
      replicaState: { replicaId: brokerId, replicaEpoch: brokerEpoch() },
      maxWaitMs: settings.waitMaxMs,
      minBytes: settings.minBytes,
      maxBytes: settings.responseMaxBytes,
      isolationLevel: 0,
      sessionId: this.session.id,
      sessionEpoch: this.session.epoch,
      topics: [...topics].map(([topicId, partitions]) => ({ topicId, partitions })),
      forgottenTopicsData: this.takeForgotten(),
    };
  }

  private takeForgotten(): FetchRequestInput.ForgottenTopicsData[] {
    const topics = new Map<Uuid, number[]>();
    for (const { topicId, partition } of this.forgotten) topics.set(topicId, [...(topics.get(topicId) ?? []), partition]);
    this.forgotten.clear();
    return [...topics].map(([topicId, partitions]) => ({ topicId, partitions }));
  }

  /** It is not asked for until it is `changed` again. */
  private leaveOut(followed: Followed): void {
    this.changed.delete(followed);
    if (this.asked.delete(followed)) this.forgotten.add(followed.hosted);
  }

  private endPauses(): void {
    const nowMs = this.options.clock.monotonicMs();
    for (const it of this.paused) {
      if (it.notBeforeMs > nowMs) continue;
      this.paused.delete(it);
      if (!it.isBusy) this.changed.add(it);
    }
  }

  private isThrottled(hosted: HostedPartition): boolean {
    return isThrottledReplica(hosted.settings.throttledOnFollower, hosted.partition, this.options.brokerId);
  }

  private nextDueMs(): number {
    const nowMs = this.options.clock.monotonicMs();
    let dueMs = nowMs + this.options.settings.backoffMs;
    for (const it of this.paused) dueMs = Math.min(dueMs, it.notBeforeMs);
    return Math.max(1, Math.ceil(dueMs - nowMs));
  }

  private async exchange(request: FetchRequestInput): Promise<Taken> {
    const { settings } = this.options;
    const { connection, ranges } = await this.connected();
    const version = ranges.versionFor(FETCH_VERSIONS);
    this.outSinceMs = this.options.clock.monotonicMs();
    try {
      return await connection.requestLent(Fetch, version, request, (response) => this.takeAll(response), { timeoutMs: settings.socketTimeoutMs + settings.waitMaxMs });
    } finally {
      this.outSinceMs = undefined;
      this.interruption?.cancel();
      this.interruption = undefined;
    }
  }

  private async connected(): Promise<NegotiatedConnection> {
    if (this.peer?.connection.isOpen === true) return this.peer;
    const { transport, clock, scheduler, settings, brokerId, leaderId } = this.options;
    const endpoint = this.options.endpoint();
    if (endpoint === undefined) throw new OperationalError('NO_ENDPOINT', `no endpoint of broker ${leaderId} is known`, { isRetriable: true });
    const connectTimeoutMs = Math.min(CONNECT_TIMEOUT_MS, settings.socketTimeoutMs);
    const connecting = NegotiatedConnection.connect({ transport, clock, scheduler, endpoint, clientId: `broker-${brokerId}-fetcher`, connectTimeoutMs, handshakeTimeoutMs: connectTimeoutMs, requestTimeoutMs: settings.socketTimeoutMs });
    // A leader that is frozen accepts connections and answers nothing: who stops does not wait for it.
    return await new Promise((resolve, reject) => {
      this.giveUpConnecting = () => reject(new OperationalError('CONNECTION_CLOSED', 'the fetcher stops', { isRetriable: true }));
      connecting.then((peer) => {
        if (this.isStopped) peer.connection.close();
        else resolve((this.peer = peer));
      }, reject);
    });
  }

  private isStillAsked(followed: Followed): boolean {
    const { hosted } = followed;
    const { machine } = hosted;
    return this.asked.has(followed) && machine.role === 'follower' && machine.leaderEpoch === followed.askedEpoch && hosted.log.logEndOffset === followed.askedOffset && !hosted.isTruncating;
  }

  private take(followed: Followed, answer: FetchResponse.Partition, flushes: Promise<unknown>[]): void {
    const { hosted, askedEpoch: leaderEpoch } = followed;
    if (answer.errorCode !== ErrorCode.NONE) {
      if (answer.errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) this.inBackground(followed, () => this.meetLeader(followed, leaderEpoch));
      else this.pause(followed, errorName(answer.errorCode));
      return;
    }
    if (answer.divergingEpoch.endOffset >= 0) {
      const { epoch, endOffset } = answer.divergingEpoch;
      this.options.logger.info({ topic: hosted.topic, partition: hosted.partition, leaderEpoch: epoch, endOffset, logEndOffset: hosted.log.logEndOffset }, 'the log parts from the leader\'s and is cut to where they agree');
      this.inBackground(followed, () => hosted.truncateToDivergence({ leaderEpoch: epoch, endOffset }));
      return;
    }
    const records = answer.records ?? NO_BYTES;
    const leaderAnswer: LeaderAnswer = { records, highWatermark: answer.highWatermark, logStartOffset: answer.logStartOffset };
    const outcome = hosted.replicate(leaderAnswer);
    switch (outcome.kind) {
      case 'corrupt':
        this.pause(followed, outcome.problem);
        return;
      case 'startsBefore':
        this.inBackground(followed, () => this.beginWith(followed, outcome.offset, { ...leaderAnswer, records: new Uint8Array(records) }, leaderEpoch));
        return;
      case 'refusedByDisk':
        this.pause(followed, 'the disk refused');
        return;
      case 'replicated':
        followed.lag = Math.max(0, answer.highWatermark - hosted.log.logEndOffset);
        if (records.length > 0 && outcome.bytes === 0) return this.pause(followed, 'nothing of what came could be taken');
        followed.pauseMs = 0;
        if (outcome.bytes > 0 || hosted.log.logStartOffset !== followed.askedLogStart) this.changed.add(followed);
        if (outcome.bytes === 0) return;
        if (this.options.throttle.isOn && this.isThrottled(hosted)) this.options.throttle.record(outcome.bytes);
        if (outcome.isFlushDue) flushes.push(hosted.flush());
    }
  }

  /** The leader has nothing at the end of this log: it lost some (an unclean election), or its oldest records are newer. */
  private async meetLeader(followed: Followed, leaderEpoch: LeaderEpoch): Promise<void> {
    const { hosted } = followed;
    const [end, start] = await Promise.all([this.leaderOffset(hosted, leaderEpoch, LATEST), this.leaderOffset(hosted, leaderEpoch, EARLIEST)]);
    if (!this.isStillFollowed(followed, leaderEpoch)) return;
    const { log, topic, partition } = hosted;
    this.options.logger.warn({ topic, partition, logEndOffset: log.logEndOffset, leaderStartOffset: start, leaderEndOffset: end }, 'the leader has no records at the end of this log');
    if (end < log.logEndOffset) await hosted.truncateTo(end);
    else if (start > log.logEndOffset) await hosted.startAnewAt(start);
  }

  /** The leader's log starts inside its first batch, which came whole: the log begins with that batch, and the leader cannot be asked for it again. */
  private async beginWith(followed: Followed, baseOffset: Offset, answer: LeaderAnswer, leaderEpoch: LeaderEpoch): Promise<void> {
    const { hosted } = followed;
    await hosted.startAnewAt(baseOffset);
    if (!this.isStillFollowed(followed, leaderEpoch)) return;
    const outcome = hosted.replicate(answer);
    if (outcome.kind === 'replicated' && outcome.isFlushDue) await hosted.flush();
  }

  /** Its change to another role may be under way before the role itself is another. */
  private isStillFollowed(followed: Followed, leaderEpoch: LeaderEpoch): boolean {
    const { machine } = followed.hosted;
    return this.partitions.get(followed.hosted) === followed && machine.role === 'follower' && machine.leaderEpoch === leaderEpoch;
  }

  private async leaderOffset({ topic, partition }: HostedPartition, currentLeaderEpoch: LeaderEpoch, timestamp: number): Promise<Offset> {
    const { connection, ranges } = await this.connected();
    const response = await connection.request(ListOffsets, ranges.versionFor(LIST_OFFSETS_VERSIONS), { replicaId: this.options.brokerId, isolationLevel: 0, topics: [{ name: topic, partitions: [{ partitionIndex: partition, currentLeaderEpoch, timestamp }] }] });
    const answer = response.topics[0]?.partitions[0];
    if (answer === undefined || answer.errorCode !== ErrorCode.NONE) throw new OperationalError('LIST_OFFSETS_FAILED', `broker ${this.options.leaderId} answered ${errorName(answer?.errorCode ?? -1)}`, { isRetriable: true });
    return answer.offset;
  }

  /** The others go on meanwhile. */
  private inBackground(followed: Followed, work: () => Promise<void>): void {
    followed.isBusy = true;
    this.leaveOut(followed);
    work().then(
      () => this.release(followed),
      (error: unknown) => {
        if (isRetriable(error)) this.pause(followed, errorMessage(error));
        else this.fault(followed, error);
        this.release(followed);
      },
    );
  }

  private release(followed: Followed): void {
    followed.isBusy = false;
    if (this.partitions.get(followed.hosted) !== followed || this.paused.has(followed)) return;
    this.changed.add(followed);
    this.wake();
  }

  /** One partition's trouble is not the others'. */
  private guarded(followed: Followed, work: () => void): void {
    try {
      work();
    } catch (error) {
      this.fault(followed, error);
    }
  }

  /** A failed disk has told so itself. Any other failure is a fault of ours: the partition stays behind until its leadership changes, all others go on. */
  private fault(followed: Followed, error: unknown): void {
    const { hosted } = followed;
    if (this.partitions.get(hosted) === followed) this.remove(hosted);
    if (isStorageFailure(error)) return;
    this.failedPartitions += 1;
    this.options.logger.error({ topic: hosted.topic, partition: hosted.partition, error: errorMessage(error), stack: error instanceof Error ? error.stack : undefined }, 'partition cannot be replicated and stays behind');
  }

  private pause(followed: Followed, reason: string): void {
    const { settings, logger, leaderId } = this.options;
    const { topic, partition } = followed.hosted;
    const isFirst = followed.pauseMs === 0;
    followed.pauseMs = Math.min(settings.backoffMs, Math.max(FIRST_PAUSE_MS, followed.pauseMs * 2));
    this.leaveOut(followed);
    this.pauseFor(followed, followed.pauseMs);
    // Whoever leads now may only just not have heard of it.
    if (followed.pauseMs <= INTERRUPTING_PAUSE_MS_MAX) this.options.scheduler.after(followed.pauseMs, () => this.paused.has(followed) && this.wake());
    if (isFirst) logger.debug({ topic, partition, leader: leaderId, reason }, 'partition is fetched again after a pause');
    else if (followed.pauseMs === settings.backoffMs) logger.warn({ topic, partition, leader: leaderId, reason }, 'partition cannot be fetched; it is tried again');
  }

  private pauseFor(followed: Followed, ms: number): void {
    if (this.partitions.get(followed.hosted) !== followed) return;
    followed.notBeforeMs = this.options.clock.monotonicMs() + ms;
    this.paused.add(followed);
  }

  private async failed(error: unknown): Promise<void> {
    if (this.isStopped) return;
    if (this.isInterrupted) {
      this.isInterrupted = false;
      return;
    }
    const { settings, logger, leaderId } = this.options;
    this.peer?.connection.close();
    if (!this.hasWarned) logger.warn({ leader: leaderId, error: errorMessage(error) }, 'the leader cannot be reached; it is tried again');
    this.hasWarned = true;
    this.pauseMs = Math.min(settings.backoffMs, Math.max(FIRST_PAUSE_MS, this.pauseMs * 2));
    await this.sleep(this.pauseMs, { isUninterrupted: true });
  }

  /** Something can be fetched that is not in the request that is out, if one is: that one is called off when it only waits. */
  private wake(): void {
    this.wakeUp?.();
    if (this.outSinceMs === undefined || this.interruption !== undefined) return;
    const leftMs = this.outSinceMs + INTERRUPT_AFTER_MS - this.options.clock.monotonicMs();
    this.interruption = this.options.scheduler.after(Math.max(0, Math.ceil(leftMs)), () => {
      this.isInterrupted = true;
      this.peer?.connection.close();
    });
  }

  private sleep(ms: number, options: { readonly isUninterrupted?: boolean } = {}): Promise<void> {
    if (this.isStopped) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        this.wakeUp = undefined;
        resolve();
      };
      const timer = this.options.scheduler.after(ms, end);
      this.wakeUp = options.isUninterrupted === true ? () => this.isStopped && end() : end;
    });
  }
}

function nextSessionEpoch(epoch: number): number {
  return epoch === 2 ** 31 - 1 ? 1 : epoch + 1;
}
