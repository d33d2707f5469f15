import { invariant, type BrokerEpoch, type BrokerId, type Clock, type Endpoint, type Logger, type Scheduler, type Transport } from '@millrace/foundation';
import type { MetadataImage } from '@millrace/metadata';
import { AlterPartition } from '@millrace/protocol';
import type { BrokerConfig } from '../config/broker-config.js';
import type { ControllerChannel } from '../controller/controller-channel.js';
import { PeriodicWork } from '../periodic-work.js';
import { IsrProposals } from './isr-proposals.js';
import { LogDirectoryMover, type MovedPartitions } from './log-directory-mover.js';
import { ReplicaFetcher } from './replica-fetcher.js';
import { ReplicaFetchers } from './replica-fetchers.js';
import { ReplicationThrottle } from './replication-throttle.js';

const LEADER_THROTTLED_RATE = 'leader.replication.throttled.rate';
const FOLLOWER_THROTTLED_RATE = 'follower.replication.throttled.rate';
const MOVES_THROTTLED_RATE = 'replica.alter.log.dirs.io.max.bytes.per.second';

export interface ReplicationOptions {
  readonly brokerId: BrokerId;
  readonly config: BrokerConfig;
  readonly image: MetadataImage;
  /** The name of the listener that brokers use among themselves. */
  readonly interBrokerListener: string;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
}

/** What the partitions of a broker do by the clock. */
export interface PeriodicReplication {
  /** Followers that stay behind are proposed out of the in-sync replicas. */
  readonly tick: () => void;
  readonly checkpointHighWatermarks: () => Promise<void>;
}

/** What a broker has for its replicas as a whole: fetchers from leaders, proposals to the controller, throttles, and what is due by the clock. */
export class Replication {
  readonly fetchers: ReplicaFetchers;
  readonly proposals: IsrProposals;
  readonly leaderThrottle: ReplicationThrottle;
  readonly followerThrottle: ReplicationThrottle;
  /** Of moves between log directories. */
  private readonly moveThrottle: ReplicationThrottle;
  brokerEpoch: BrokerEpoch = -1;
  private channel: ControllerChannel | undefined;
  private readonly work: PeriodicWork;

  constructor(private readonly options: ReplicationOptions) {
    const { config, clock, scheduler, logger, brokerId } = options;
    const window = { samples: config.get('replication.quota.window.num'), sampleMs: config.get('replication.quota.window.size.seconds') * 1000 };
    this.leaderThrottle = new ReplicationThrottle(clock, window);
    this.followerThrottle = new ReplicationThrottle(clock, window);
    this.moveThrottle = new ReplicationThrottle(clock, { samples: config.get('alter.log.dirs.replication.quota.window.num'), sampleMs: config.get('alter.log.dirs.replication.quota.window.size.seconds') * 1000 });
    this.fetchers = new ReplicaFetchers({ perLeader: Math.max(1, config.get('num.replica.fetchers')), make: (leaderId) => this.makeFetcher(leaderId) });
    this.proposals = new IsrProposals({ brokerId, brokerEpoch: () => this.brokerEpoch, alterPartition: (request) => this.controller().request(AlterPartition, request), scheduler, logger });
    this.work = new PeriodicWork(scheduler, logger, 'periodic work of replication failed');
    this.throttlesChanged();
  }

  start(channel: ControllerChannel, work: PeriodicReplication): void {
    const { config } = this.options;
    this.channel = channel;
    this.work.every(Math.max(1, Math.floor(config.get('replica.lag.time.max.ms') / 2)), work.tick);
    this.work.every(config.get('replica.high.watermark.checkpoint.interval.ms'), work.checkpointHighWatermarks);
  }

  async stop(): Promise<void> {
    this.work.stop();
    this.proposals.stop();
    await this.fetchers.stop();
  }

  /** The settings of brokers changed: those of this one go before those of all. */
  throttlesChanged(): void {
    this.leaderThrottle.setRate(this.rateOf(LEADER_THROTTLED_RATE));
    this.followerThrottle.setRate(this.rateOf(FOLLOWER_THROTTLED_RATE));
    this.moveThrottle.setRate(this.rateOf(MOVES_THROTTLED_RATE));
  }

  makeMover(directories: number, partitions: MovedPartitions): LogDirectoryMover {
    const { config, scheduler, logger } = this.options;
    return new LogDirectoryMover({ partitions, throttle: this.moveThrottle, copiesMax: config.get('num.replica.alter.log.dirs.threads') ?? directories, bytesPerStep: Math.max(1, config.get('replica.fetch.max.bytes')), scheduler, logger });
  }

  private controller(): ControllerChannel {
    invariant(this.channel !== undefined, 'nothing is proposed before the broker has started');
    return this.channel;
  }

  private rateOf(key: string): number | undefined {
    const { image, brokerId } = this.options;
    const text = image.configs('BROKER', String(brokerId)).get(key) ?? image.configs('BROKER', '').get(key);
    return text === undefined ? undefined : Number(text);
  }

  private makeFetcher(leaderId: BrokerId): ReplicaFetcher {
    const { config, ...rest } = this.options;
    return new ReplicaFetcher({
      ...rest,
      leaderId,
      brokerEpoch: () => this.brokerEpoch,
      endpoint: () => this.endpointOf(leaderId),
      throttle: this.followerThrottle,
      settings: {
        maxBytes: config.get('replica.fetch.max.bytes'),
        minBytes: config.get('replica.fetch.min.bytes'),
        waitMaxMs: config.get('replica.fetch.wait.max.ms'),
        backoffMs: config.get('replica.fetch.backoff.ms'),
        responseMaxBytes: config.get('replica.fetch.response.max.bytes'),
        socketTimeoutMs: config.get('replica.socket.timeout.ms'),
      },
    });
  }

  private endpointOf(leaderId: BrokerId): Endpoint | undefined {
    return this.options.image.broker(leaderId)?.endpoints.find((it) => it.name === this.options.interBrokerListener);
  }
}
