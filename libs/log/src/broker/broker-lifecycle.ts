import { errorMessage, OperationalError, randomUuid, type BrokerEpoch, type Logger, type Random, type Scheduled, type Scheduler, type Uuid } from '@millrace/foundation';
import { SUPPORTED_FEATURES } from '@millrace/metadata';
import { BrokerHeartbeat, BrokerRegistration, ErrorCode } from '@millrace/protocol';
import type { BrokerConfig } from '../config/broker-config.js';
import type { NamedEndpoint } from '../config/listeners.js';
import type { ControllerChannel } from '../controller/controller-channel.js';
import type { ImageFollower } from './image-follower.js';

const HEARTBEAT_MS = 2000;
const PLAINTEXT = 0;

export interface BrokerLifecycleOptions {
  readonly config: BrokerConfig;
  readonly clusterId: string;
  readonly endpoints: readonly NamedEndpoint[];
  readonly logDirs: readonly Uuid[];
  /** Of the last clean shutdown; -1 for none. */
  readonly previousBrokerEpoch: BrokerEpoch;
  readonly channel: ControllerChannel;
  readonly follower: ImageFollower;
  readonly random: Random;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
}

/** This broker in the eyes of the controller: registered under an epoch, unfenced once it has caught up, alive by its heartbeats. */
export class BrokerLifecycle {
  private epoch: BrokerEpoch = -1;
  private timer: Scheduled | undefined;
  private isStopped = false;

  constructor(private readonly options: BrokerLifecycleOptions) {}

  /** -1 before the registration. */
  get brokerEpoch(): BrokerEpoch {
    return this.epoch;
  }

  /** Registers this process, gets it unfenced and begins to send heartbeats. Rejects with `REGISTRATION_REFUSED`. */
  async start(): Promise<void> {
    const { config, clusterId, endpoints, logDirs, previousBrokerEpoch, channel, random } = this.options;
    const brokerId = config.nodeId;
    const registered = await channel.request(BrokerRegistration, {
      brokerId,
      clusterId,
      incarnationId: randomUuid(random),
      listeners: endpoints.map((it) => ({ name: it.name, host: it.host, port: it.port, securityProtocol: PLAINTEXT })),
      features: [...SUPPORTED_FEATURES],
      rack: config.get('broker.rack'),
      isMigratingZkBroker: false,
      logDirs: [...logDirs],
      previousBrokerEpoch,
    });
    if (registered.errorCode !== ErrorCode.NONE) throw new OperationalError('REGISTRATION_REFUSED', `the controller refused broker ${brokerId} with error ${registered.errorCode}`);
    this.epoch = registered.brokerEpoch;
    await this.heartbeat();
    this.schedule();
  }

  stop(): void {
    this.isStopped = true;
    this.timer?.cancel();
  }

  private schedule(): void {
    if (this.isStopped) return;
    this.timer = this.options.scheduler.after(HEARTBEAT_MS, () => {
      void this.heartbeat()
        .catch((error: unknown) => this.options.logger.warn({ error: errorMessage(error) }, 'heartbeat failed'))
        .then(() => this.schedule());
    });
  }

  private async heartbeat(): Promise<void> {
    const { config, channel, follower } = this.options;
    await channel.request(BrokerHeartbeat, { brokerId: config.nodeId, brokerEpoch: this.epoch, currentMetadataOffset: follower.image.lastOffset, wantFence: false, wantShutDown: false });
  }
}
