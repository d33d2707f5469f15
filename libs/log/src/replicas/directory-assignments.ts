import { errorMessage, type BrokerEpoch, type BrokerId, type Logger, type Scheduled, type Scheduler, type Uuid } from '@millrace/foundation';
import { directoryOf, type MetadataImage } from '@millrace/metadata';
import { AssignReplicasToDirs, ErrorCode, errorName, type AssignReplicasToDirsRequestInput } from '@millrace/protocol';
import type { ControllerChannel } from '../controller/controller-channel.js';

/** What comes up together is told together. */
const PAUSE_MS = 50;
const RETRY_MS = 500;
/** Kafka's bound of one request. */
const REPLICAS_PER_REQUEST_MAX = 2250;

/** Where a replica of this broker is. */
export interface ReplicaPlace {
  readonly topicId: Uuid;
  readonly partition: number;
  readonly directoryId: Uuid;
}

export interface DirectoryAssignmentsOptions {
  readonly brokerId: BrokerId;
  readonly brokerEpoch: () => BrokerEpoch;
  readonly image: MetadataImage;
  readonly places: () => Iterable<ReplicaPlace>;
  readonly channel: ControllerChannel;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
}

/**
 * A broker with several log directories tells the controller which of its replicas is in which (KIP-858), until the metadata says so: when a directory fails, the controller then knows whose
 * leaders must move. One request at a time.
 */
export class DirectoryAssignments {
  private timer: Scheduled | undefined;
  private isAsking = false;
  private isStopped = false;

  constructor(private readonly options: DirectoryAssignmentsOptions) {}

  /** The metadata, or what is here, has changed. */
  look(): void {
    this.lookAfter(PAUSE_MS);
  }

  stop(): void {
    this.isStopped = true;
    this.timer?.cancel();
  }

  private lookAfter(ms: number): void {
    if (this.isStopped || this.isAsking || this.timer !== undefined) return;
    this.timer = this.options.scheduler.after(ms, () => {
      this.timer = undefined;
      const directories = this.untold();
      if (directories.length > 0) void this.tell(directories);
    });
  }

  private untold(): AssignReplicasToDirsRequestInput['directories'] {
    const { image, brokerId, places } = this.options;
    const found = new Map<Uuid, Map<Uuid, { partitionIndex: number }[]>>();
    let count = 0;
    for (const { topicId, partition, directoryId } of places()) {
      const registration = image.topicById(topicId)?.partitions[partition];
      if (registration === undefined || !registration.replicas.includes(brokerId) || directoryOf(registration, brokerId) === directoryId) continue;
      let topics = found.get(directoryId);
      if (topics === undefined) found.set(directoryId, (topics = new Map()));
      let partitions = topics.get(topicId);
      if (partitions === undefined) topics.set(topicId, (partitions = []));
      partitions.push({ partitionIndex: partition });
      if (++count === REPLICAS_PER_REQUEST_MAX) break;
    }
    return [...found].map(([id, topics]) => ({ id, topics: [...topics].map(([topicId, partitions]) => ({ topicId, partitions })) }));
  }

  private async tell(directories: AssignReplicasToDirsRequestInput['directories']): Promise<void> {
    const { brokerId, brokerEpoch, channel, logger } = this.options;
    this.isAsking = true;
    let problem: string | undefined;
    try {
      const { errorCode } = await channel.request(AssignReplicasToDirs, { brokerId, brokerEpoch: brokerEpoch(), directories });
      if (errorCode !== ErrorCode.NONE) problem = errorName(errorCode);
    } catch (error) {
      problem = errorMessage(error);
    }
    this.isAsking = false;
    if (problem !== undefined) logger.warn({ error: problem }, 'the controller does not take where replicas are; it is told again');
    // More than one request may carry, or some that were refused: the metadata tells.
    this.lookAfter(RETRY_MS);
  }
}
