import { errorMessage, randomUuid, type BrokerId, type Logger, type Random, type Scheduled, type Scheduler } from '@millrace/foundation';
import { SUPPORTED_FEATURES, type MetadataImage } from '@millrace/metadata';
import { ControllerRegistration, ErrorCode, errorName } from '@millrace/protocol';
import type { NamedEndpoint } from '../config/listeners.js';
import type { ControllerChannel } from './controller-channel.js';

const CHECK_MS = 1000;
const PLAINTEXT = 0;

export interface ControllerLifecycleOptions {
  readonly nodeId: BrokerId;
  readonly endpoints: readonly NamedEndpoint[];
  /** Committed metadata: whether this process stands in it. */
  readonly image: MetadataImage;
  readonly channel: ControllerChannel;
  readonly random: Random;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
}

/** A node of the quorum tells the active controller where it is reached and which features it can, until that is in the log (KIP-919). */
export class ControllerLifecycle {
  private readonly incarnationId: string;
  private timer: Scheduled | undefined;
  private isStopped = false;

  constructor(private readonly options: ControllerLifecycleOptions) {
    this.incarnationId = randomUuid(options.random);
  }

  start(): void {
    if (this.isStopped || this.isRegistered) return;
    const { logger, scheduler } = this.options;
    this.register()
      .catch((error: unknown) => logger.debug({ error: errorMessage(error) }, 'this controller could not register yet'))
      .finally(() => {
        if (!this.isStopped) this.timer = scheduler.after(CHECK_MS, () => this.start());
      });
  }

  stop(): void {
    this.isStopped = true;
    this.timer?.cancel();
  }

  private get isRegistered(): boolean {
    return this.options.image.controllers.get(this.options.nodeId)?.incarnationId === this.incarnationId;
  }

  private async register(): Promise<void> {
    const { nodeId, endpoints, channel, logger } = this.options;
    const { errorCode } = await channel.request(ControllerRegistration, {
      controllerId: nodeId,
      incarnationId: this.incarnationId,
      zkMigrationReady: false,
      listeners: endpoints.map(({ name, host, port }) => ({ name, host, port, securityProtocol: PLAINTEXT })),
      features: [...SUPPORTED_FEATURES],
    });
    if (errorCode !== ErrorCode.NONE) logger.warn({ controllerId: nodeId, error: errorName(errorCode) }, 'the active controller does not register this one');
  }
}
