import { errorMessage, isRetriable, OperationalError, type BrokerId, type Endpoint, type Scheduled } from '@millrace/foundation';
import { ErrorCode, FindCoordinator, Metadata, ProtocolError, type Api, type MetadataResponse } from '@millrace/protocol';
import { Backoff } from './backoff.js';
import { BrokerLink, type RequestOptions } from './broker-link.js';
import { clientSettings, type ClientSettings, type KafkaClientOptions } from './client-options.js';
import { MetadataCache, type TopicInfo } from './metadata-cache.js';

/**
 * Requests on one lane to one broker share a connection, on which the broker answers in order: what may wait long (a fetch, a join)
 * must not stand before what must be quick (a heartbeat, a commit).
 */
export type Lane = 'main' | 'fetch' | 'group';

export interface NodeRequestOptions extends RequestOptions {
  readonly lane?: Lane;
}

/**
 * The cluster as clients see it: which brokers there are, who leads what, and a way to each. It may be shared by producers,
 * consumers and admins; whoever made it closes it. Nothing is connected before the first request.
 */
export class KafkaClient {
  readonly settings: ClientSettings;
  readonly metadata = new MetadataCache();
  private readonly links = new Map<string, BrokerLink>();
  private readonly coordinators = new Map<string, BrokerId>();
  private readonly trackedTopics = new Set<string>();
  private readonly creatableTopics = new Set<string>();
  private readonly listeners = new Set<() => void>();
  private readonly pauses = new Set<() => void>();
  private tracksAll = false;
  private refreshing: Promise<void> | undefined;
  private isRefreshWanted = false;
  private refreshedAtMs = Number.NEGATIVE_INFINITY;
  private ageTimer: Scheduled | undefined;
  private closed = false;

  constructor(options: KafkaClientOptions) {
    this.settings = clientSettings(options);
  }

  get isClosed(): boolean {
    return this.closed;
  }

  /** Closes every connection; requests under way reject. */
  close(): void {
    this.closed = true;
    this.ageTimer?.cancel();
    for (const link of this.links.values()) link.close();
    this.links.clear();
    for (const wake of [...this.pauses]) wake();
  }

  /** Resolves after `delayMs`, or at once when the client closes. */
  pause(delayMs: number): Promise<void> {
    if (this.closed) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        timer.cancel();
        this.pauses.delete(wake);
        resolve();
      };
      const timer = this.settings.foregroundScheduler.after(delayMs, wake);
      this.pauses.add(wake);
    });
  }

  /** One request to one broker. Rejects with code `BROKER_UNKNOWN` when the cluster has no such broker (any more). */
  request<Req, ReqIn, Res, ResIn>(nodeId: BrokerId, api: Api<Req, ReqIn, Res, ResIn>, input: (version: number) => ReqIn, options: NodeRequestOptions = {}): Promise<Res> {
    const broker = this.metadata.brokers.get(nodeId);
    if (broker === undefined) return Promise.reject(new OperationalError('BROKER_UNKNOWN', `broker ${nodeId} is not in the cluster's metadata`, { isRetriable: true }));
    return this.linkTo(`${nodeId}/${options.lane ?? 'main'}`, broker).request(api, input, options);
  }

  /** The way to a broker, for callers that pipeline requests of their own. */
  link(nodeId: BrokerId, lane: Lane): BrokerLink | undefined {
    const broker = this.metadata.brokers.get(nodeId);
    return broker === undefined ? undefined : this.linkTo(`${nodeId}/${lane}`, broker);
  }

  /** One request to whichever broker answers first, known ones before the bootstrap list. Rejects with the last failure when none does. */
  async requestAny<Req, ReqIn, Res, ResIn>(api: Api<Req, ReqIn, Res, ResIn>, input: (version: number) => ReqIn, options: RequestOptions = {}): Promise<Res> {
    let failure: unknown = new OperationalError('NO_BROKER', 'no broker is known');
    for (const link of this.linksByPreference()) {
      if (this.closed) break;
      try {
        return await link.request(api, input, options);
      } catch (error) {
        if (!isRetriable(error)) throw error;
        failure = error;
      }
    }
    throw this.closed ? closedError() : failure;
  }

  /** One request to the controller, which is looked up first when it is not known. */
  async requestController<Req, ReqIn, Res, ResIn>(api: Api<Req, ReqIn, Res, ResIn>, input: (version: number) => ReqIn, options: RequestOptions = {}): Promise<Res> {
    if (!this.metadata.brokers.has(this.metadata.controllerId)) await this.refreshMetadata();
    const { controllerId } = this.metadata;
    return this.metadata.brokers.has(controllerId) ? this.request(controllerId, api, input, options) : this.requestAny(api, input, options);
  }

  /** Tries again after retriable failures until `timeoutMs` has passed; rejects with the last one. */
  async retrying<T>(operation: () => Promise<T>, timeoutMs = this.settings.apiTimeoutMs, onRetry: (error: unknown) => void = () => undefined): Promise<T> {
    const deadlineMs = this.settings.clock.monotonicMs() + timeoutMs;
    const backoff = this.newBackoff();
    for (;;) {
      try {
        return await operation();
      } catch (error) {
        const waitMs = backoff.nextMs();
        if (this.closed) throw closedError(error);
        if (!isRetriable(error) || this.settings.clock.monotonicMs() + waitMs >= deadlineMs) throw error;
        onRetry(error);
        await this.pause(waitMs);
      }
    }
  }

  newBackoff(): Backoff {
    return new Backoff(this.settings.retryBackoffMs, this.settings.retryBackoffMaxMs, this.settings.random);
  }

  /** From now on metadata is kept for these topics. `create`: a broker that makes topics by itself may make those that are missing. */
  trackTopics(names: Iterable<string>, options: { readonly create?: boolean } = {}): void {
    for (const name of names) {
      this.trackedTopics.add(name);
      if (options.create === true) this.creatableTopics.add(name);
    }
  }

  trackAllTopics(): void {
    this.tracksAll = true;
  }

  onMetadata(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** The next answer to a metadata request; calls at the same time share one. */
  refreshMetadata(): Promise<void> {
    if (this.closed) return Promise.reject(closedError());
    this.refreshing ??= this.refresh().finally(() => (this.refreshing = undefined));
    return this.refreshing;
  }

  /** Refreshes in the background, until it has succeeded once. */
  requestRefresh(): void {
    if (this.isRefreshWanted || this.closed) return;
    this.isRefreshWanted = true;
    const attempt = (): void => {
      this.refreshMetadata().then(
        () => (this.isRefreshWanted = false),
        (error: unknown) => {
          if (this.closed) return;
          this.settings.logger.warn({ reason: errorMessage(error) }, 'metadata could not be refreshed');
          this.settings.scheduler.after(this.settings.retryBackoffMaxMs, attempt);
        },
      );
    };
    attempt();
  }

  /** Waits until the topic is known with its partitions. Rejects with the broker's error, or with `METADATA_TIMEOUT`. */
  async topic(name: string, options: { readonly timeoutMs?: number; readonly create?: boolean } = {}): Promise<TopicInfo> {
    const timeoutMs = options.timeoutMs ?? this.settings.apiTimeoutMs;
    const deadlineMs = this.settings.clock.monotonicMs() + timeoutMs;
    this.trackTopics([name], options);
    for (let failure: unknown; ; ) {
      const info = this.metadata.topics.get(name);
      if (info !== undefined && info.errorCode === ErrorCode.NONE && info.partitions.length > 0) return info;
      if (info !== undefined && info.errorCode !== ErrorCode.NONE) {
        failure = new ProtocolError(info.errorCode, `topic ${name}: ${new ProtocolError(info.errorCode).message}`);
        if (!isRetriable(failure)) throw failure;
      }
      if (this.settings.clock.monotonicMs() >= deadlineMs) {
        throw new OperationalError('METADATA_TIMEOUT', `topic ${name} is not in the metadata after ${timeoutMs} ms${failure === undefined ? '' : `: ${errorMessage(failure)}`}`, { cause: failure, isRetriable: true });
      }
      try {
        await this.refreshMetadata();
      } catch (error) {
        if (!isRetriable(error)) throw error;
        failure = error;
        await this.pause(this.settings.retryBackoffMs);
      }
    }
  }

  /** The broker that coordinates the group; asked for once, until `forgetCoordinator`. */
  async coordinator(groupId: string): Promise<BrokerId> {
    const known = this.coordinators.get(groupId);
    if (known !== undefined) return known;
    const response = await this.requestAny(FindCoordinator, (version) => (version >= 4 ? { coordinatorKeys: [groupId], keyType: 0 } : { key: groupId }));
    const found = response.coordinators[0] ?? response;
    if (found.errorCode !== ErrorCode.NONE) throw new ProtocolError(found.errorCode, found.errorMessage);
    this.metadata.noteBroker({ nodeId: found.nodeId, host: found.host, port: found.port, rack: null });
    this.coordinators.set(groupId, found.nodeId);
    return found.nodeId;
  }

  forgetCoordinator(groupId: string): void {
    this.coordinators.delete(groupId);
  }

  private async refresh(): Promise<void> {
    const sinceMs = this.settings.clock.monotonicMs() - this.refreshedAtMs;
    if (sinceMs < this.settings.retryBackoffMs) await this.pause(this.settings.retryBackoffMs - sinceMs);
    this.refreshedAtMs = this.settings.clock.monotonicMs();
    // Brokers make topics only when they are asked for by name, and the request says that they may.
    const isMissing = (name: string): boolean => this.creatableTopics.has(name) && this.metadata.topics.get(name)?.errorCode !== ErrorCode.NONE;
    const missing = [...this.trackedTopics].filter(isMissing);
    const others = [...this.trackedTopics].filter((it) => !isMissing(it));
    if (this.tracksAll) this.metadata.update(await this.askMetadata(null, false), true);
    else if (others.length > 0 || missing.length === 0) this.metadata.update(await this.askMetadata(others, false), false);
    if (missing.length > 0) this.metadata.update(await this.askMetadata(missing, true), false);
    this.refreshedAtMs = this.settings.clock.monotonicMs();
    this.ageTimer?.cancel();
    this.ageTimer = this.settings.scheduler.after(this.settings.metadataMaxAgeMs, () => this.requestRefresh());
    for (const listener of [...this.listeners]) listener();
  }

  private askMetadata(names: readonly string[] | null, allowAutoTopicCreation: boolean): Promise<MetadataResponse> {
    return this.requestAny(Metadata, (version) => ({ topics: names?.map((name) => ({ name })) ?? null, ...(version >= 4 ? { allowAutoTopicCreation } : {}) }));
  }

  private linkTo(key: string, endpoint: Endpoint): BrokerLink {
    const known = this.links.get(key);
    if (known !== undefined && known.endpoint.host === endpoint.host && known.endpoint.port === endpoint.port) return known;
    known?.close();
    const link = new BrokerLink({ host: endpoint.host, port: endpoint.port }, this.settings, (delayMs) => this.pause(delayMs));
    if (this.closed) link.close();
    else this.links.set(key, link);
    return link;
  }

  private linksByPreference(): BrokerLink[] {
    const brokers = shuffled([...this.metadata.brokers.values()], this.settings.random).map((it) => this.linkTo(`${it.nodeId}/main`, it));
    const bootstrap = shuffled(this.settings.bootstrap, this.settings.random).map((it) => this.linkTo(`${it.host}:${it.port}`, it));
    return [...brokers.filter((it) => it.isConnected), ...brokers.filter((it) => !it.isConnected), ...bootstrap];
  }
}

export function closedError(cause?: unknown): OperationalError {
  return new OperationalError('CLIENT_CLOSED', 'the client was closed', { cause });
}

function shuffled<T>(items: readonly T[], random: ClientSettings['random']): T[] {
  const list = [...items];
  for (let i = list.length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [list[i], list[j]] = [list[j] as T, list[i] as T];
  }
  return list;
}
