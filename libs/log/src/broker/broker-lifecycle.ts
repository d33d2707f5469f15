import { errorMessage, OperationalError, randomUuid, type BrokerEpoch, type Clock, type Logger, type Random, type Scheduled, type Scheduler, type Uuid } from '@millrace/foundation';
import { isActive, SUPPORTED_FEATURES } from '@millrace/metadata';
import { BrokerHeartbeat, BrokerRegistration, ErrorCode, errorName, type BrokerHeartbeatResponse } from '@millrace/protocol';
import type { BrokerConfig } from '../config/broker-config.js';
import type { NamedEndpoint } from '../config/listeners.js';
import type { ControllerChannel } from '../controller/controller-channel.js';
import type { ImageFollower } from './image-follower.js';

const PLAINTEXT = 0;
const RETRY_MS_MAX = 500;
/** How often a broker that stops asks whether it may go. */
const SHUTDOWN_HEARTBEAT_MS = 100;
const CONTROLLED_SHUTDOWN_MS_MAX = 30_000;
const SHUTDOWN_REQUEST_MS_MAX = 3000;
/** Asking again would change nothing. */
const FINAL_REFUSALS: readonly number[] = [ErrorCode.INCONSISTENT_CLUSTER_ID, ErrorCode.UNSUPPORTED_VERSION, ErrorCode.INVALID_REGISTRATION, ErrorCode.CLUSTER_AUTHORIZATION_FAILED];
/** The registration of this process is no more, and nothing that it could hand over. */
const NOT_REGISTERED: readonly number[] = [ErrorCode.STALE_BROKER_EPOCH, ErrorCode.BROKER_ID_NOT_REGISTERED];

export interface BrokerLifecycleOptions {
  readonly config: BrokerConfig;
  readonly clusterId: string;
  readonly endpoints: readonly NamedEndpoint[];
  readonly logDirs: readonly Uuid[];
  /** Of those, the ones that can be used no longer. */
  readonly offlineLogDirs: () => readonly Uuid[];
  /** Of those, the ones that get no new replicas; null where the metadata version does not have that. */
  readonly cordonedLogDirs: () => readonly Uuid[] | null;
  /** Of the last clean shutdown; -1 for none. */
  readonly previousBrokerEpoch: BrokerEpoch;
  /** A way of its own: a heartbeat waits behind no other request. */
  readonly channel: ControllerChannel;
  readonly follower: ImageFollower;
  readonly clock: Clock;
  readonly random: Random;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
}

/** This broker in the eyes of the controller: registered under an epoch, unfenced once it has caught up, alive by its heartbeats, gone when its leaderships are with others. */
export class BrokerLifecycle {
  private epoch: BrokerEpoch = -1;
  private timer: Scheduled | undefined;
  private wantShutDown = false;
  /** Heartbeats go out: the broker takes part, or asks to. */
  private isBeating = false;
  /** The cordoned directories of the last heartbeat. */
  private toldCordoned: string | undefined;
  private isStopped = false;
  private beating: Promise<BrokerHeartbeatResponse | undefined> | undefined;
  /** Ends the pause that is under way, or was last. */
  private pausing: (() => void) | undefined;

  constructor(private readonly options: BrokerLifecycleOptions) {}

  /** -1 before the registration. */
  get brokerEpoch(): BrokerEpoch {
    return this.epoch;
  }

  /** This broker has read its own registration. */
  get isRegistered(): boolean {
    return this.options.follower.image.broker(this.options.config.nodeId)?.epoch === this.epoch && this.epoch >= 0;
  }

  /**
   * Registers this process; resolves when the broker has read its registration in the log. Rejects with `REGISTRATION_REFUSED`, and with `NO_CONTROLLER` when it could not
   * register in `initial.broker.registration.timeout.ms`.
   */
  async register(): Promise<void> {
    const { config, clock, logger } = this.options;
    const deadlineMs = clock.monotonicMs() + config.get('initial.broker.registration.timeout.ms');
    const incarnationId = randomUuid(this.options.random);
    for (let pauseMs = 50; ; pauseMs = Math.min(pauseMs * 2, RETRY_MS_MAX)) {
      if (this.isStopped) throw new OperationalError('NO_CONTROLLER', 'the broker stops before it was registered');
      const errorCode = await this.askToRegister(incarnationId, Math.max(1, deadlineMs - clock.monotonicMs()));
      if (errorCode === ErrorCode.NONE) break;
      if (FINAL_REFUSALS.includes(errorCode)) throw new OperationalError('REGISTRATION_REFUSED', `the controller refused broker ${config.nodeId} with ${errorName(errorCode)}`);
      if (clock.monotonicMs() >= deadlineMs) throw new OperationalError('NO_CONTROLLER', `broker ${config.nodeId} could not register: ${errorName(errorCode)}`, { isRetriable: true });
      logger.info({ brokerId: config.nodeId, error: errorName(errorCode) }, 'the controller does not register this broker yet');
      await this.pause(pauseMs);
    }
    await this.untilRegistrationFollowed();
  }

  private async askToRegister(incarnationId: Uuid, timeoutMs: number): Promise<number> {
    const { config, clusterId, endpoints, logDirs, previousBrokerEpoch, channel } = this.options;
    const registered = await channel.request(
      BrokerRegistration,
      {
        brokerId: config.nodeId,
        clusterId,
        incarnationId,
        listeners: endpoints.map((it) => ({ name: it.name, host: it.host, port: it.port, securityProtocol: PLAINTEXT })),
        features: [...SUPPORTED_FEATURES],
        rack: config.get('broker.rack'),
        isMigratingZkBroker: false,
        logDirs: [...logDirs],
        previousBrokerEpoch,
      },
      { timeoutMs },
    );
    if (registered.errorCode === ErrorCode.NONE) this.epoch = registered.brokerEpoch;
    return registered.errorCode;
  }

  /** Sends heartbeats from now on; resolves when the controller has unfenced this broker and the broker has read that it has. Rejects with `NO_CONTROLLER` when it stops before. */
  async unfence(): Promise<void> {
    const { config, follower } = this.options;
    this.isBeating = true;
    for (let pauseMs = 20; !this.isStopped; pauseMs = Math.min(pauseMs * 2, RETRY_MS_MAX)) {
      const response = await this.beat();
      if (response !== undefined && response.errorCode === ErrorCode.NONE && !response.isFenced) break;
      await this.pause(pauseMs);
    }
    this.schedule();
    await follower.until((image) => this.isStopped || image.broker(config.nodeId)?.isFenced === false, config.get('broker.session.timeout.ms'));
    if (this.isStopped) throw new OperationalError('NO_CONTROLLER', 'the broker stops before it was unfenced');
  }

  /** Out of its turn: something changed that the controller should know, and that a heartbeat under way may not tell. The first one comes when the broker is ready to be unfenced. */
  beatSoon(): void {
    if (!this.isBeating || this.isStopped) return;
    if (this.beating === undefined) void this.beat();
    else void this.beating.then(() => this.beatSoon());
  }

  /** The settings or the metadata version changed, and with them perhaps which directories are cordoned. */
  cordonsMayHaveChanged(): void {
    if (textOf(this.options.cordonedLogDirs()) !== this.toldCordoned) this.beatSoon();
  }

  /**
   * Resolves when others lead what this broker led, when there is nobody to lead it, or when it took too long: 30 s, or a session without a word of a controller. An election, or a refusal
   * that may pass, is outlasted.
   */
  async controlledShutdown(): Promise<void> {
    const { config, clock, follower, logger } = this.options;
    const { brokers } = follower.image;
    const hasOthers = [...brokers.values()].some((it) => it.brokerId !== config.nodeId && isActive(it));
    if (this.epoch < 0 || !config.get('controlled.shutdown.enable') || !hasOthers) return;
    this.wantShutDown = true;
    this.timer?.cancel();
    const deadlineMs = clock.monotonicMs() + CONTROLLED_SHUTDOWN_MS_MAX;
    let silenceEndsMs = clock.monotonicMs() + config.get('broker.session.timeout.ms');
    while (!this.isStopped && clock.monotonicMs() < Math.min(deadlineMs, silenceEndsMs)) {
      await this.beating;
      const response = await this.beat();
      if (response?.shouldShutDown === true) return;
      if (response !== undefined) {
        if (NOT_REGISTERED.includes(response.errorCode)) break;
        silenceEndsMs = clock.monotonicMs() + config.get('broker.session.timeout.ms');
      }
      await this.pause(SHUTDOWN_HEARTBEAT_MS);
    }
    logger.warn({ brokerId: config.nodeId }, 'the controller did not release this broker; it stops without');
  }

  /** Whoever waits for this broker to take part waits no longer. */
  stop(): void {
    this.isStopped = true;
    this.timer?.cancel();
    this.pausing?.();
    this.options.follower.tellWaiting();
  }

  private schedule(): void {
    if (this.isStopped || this.wantShutDown) return;
    this.timer = this.options.scheduler.after(this.options.config.get('broker.heartbeat.interval.ms'), () => void this.beat().then(() => this.schedule()));
  }

  /** One at a time. Undefined: no controller answered. */
  private beat(): Promise<BrokerHeartbeatResponse | undefined> {
    this.beating ??= this.sendHeartbeat().finally(() => (this.beating = undefined));
    return this.beating;
  }

  private async sendHeartbeat(): Promise<BrokerHeartbeatResponse | undefined> {
    const { config, channel, follower, offlineLogDirs, logger } = this.options;
    const { wantShutDown } = this;
    const cordonedLogDirs = this.options.cordonedLogDirs();
    this.toldCordoned = textOf(cordonedLogDirs);
    const body = { brokerId: config.nodeId, brokerEpoch: this.epoch, currentMetadataOffset: follower.image.lastOffset, wantFence: false, wantShutDown, offlineLogDirs: [...offlineLogDirs()], cordonedLogDirs };
    const timeoutMs = Math.min(config.get('broker.session.timeout.ms') / 2, wantShutDown ? SHUTDOWN_REQUEST_MS_MAX : Number.POSITIVE_INFINITY);
    try {
      const response = await channel.request(BrokerHeartbeat, body, { timeoutMs });
      if (response.errorCode !== ErrorCode.NONE) logger.warn({ error: errorName(response.errorCode), brokerEpoch: this.epoch }, 'the controller refuses a heartbeat of this broker');
      return response;
    } catch (error) {
      if (!this.isStopped) logger.warn({ error: errorMessage(error) }, 'heartbeat failed');
      return undefined;
    }
  }

  private async untilRegistrationFollowed(): Promise<void> {
    const { follower, config } = this.options;
    while (!this.isStopped && !(await follower.until(() => this.isStopped || this.isRegistered, config.get('broker.heartbeat.interval.ms'))));
    if (this.isStopped) throw new OperationalError('NO_CONTROLLER', 'the broker stops before it has read its registration');
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.options.scheduler.after(ms, resolve);
      this.pausing = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}

function textOf(ids: readonly Uuid[] | null): string | undefined {
  return ids?.join();
}
