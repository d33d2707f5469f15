import { hasCode, OperationalError, topicPartitionName, type BrokerId, type Logger, type TopicPartition, type Uuid } from '@millrace/foundation';
import { directoryOf, UNASSIGNED_DIRECTORY, type PartitionRegistration, type TopicImage } from '@millrace/metadata';
import type { FoundFuture, LogDirectory } from '@millrace/storage';
import { CLUSTER_METADATA } from '../internal-topics.js';

/** Wishes for replicas that are not here that are remembered; the oldest goes. */
const PREFERENCES_MAX = 10_000;

export interface ReplicaPlacementOptions {
  readonly brokerId: BrokerId;
  readonly directories: readonly LogDirectory[];
  /** Log directories that could not be opened at the start. */
  readonly unreadableFolders: readonly string[];
  /** Of a directory that gets no new replicas while there is another (KIP-1066). */
  readonly isCordoned: (directory: LogDirectory) => boolean;
  readonly logger: Logger;
}

/** The folder of a replica that is not open yet. */
interface Place {
  readonly directory: LogDirectory;
  readonly topicId: Uuid | undefined;
}

/** The folder of a future log that is not open. */
export interface FuturePlace extends Place {
  readonly found: FoundFuture;
}

/** In which log directory a replica that is to be opened is, or is to be made. What may be in a directory that has failed is never made anew elsewhere (KIP-858). */
export class ReplicaPlacement {
  private readonly places = new Map<string, readonly Place[]>();
  private readonly futures = new Map<string, readonly FuturePlace[]>();
  private readonly preferred = new Map<string, LogDirectory>();

  /** Looks through the directories. */
  constructor(private readonly options: ReplicaPlacementOptions) {
    for (const directory of options.directories) {
      for (const it of directory.findPartitions()) if (it.topic !== CLUSTER_METADATA) add(this.places, topicPartitionName(it), { directory, topicId: it.topicId });
      for (const found of directory.findFutures()) add(this.futures, topicPartitionName(found), { directory, topicId: found.topicId, found });
    }
  }

  /** A replica that is not here shall be made in this directory when it comes (AlterReplicaLogDirs). */
  prefer(partition: TopicPartition, directory: LogDirectory): void {
    const name = topicPartitionName(partition);
    this.preferred.delete(name);
    this.preferred.set(name, directory);
    const [oldest] = this.preferred.keys();
    if (this.preferred.size > PREFERENCES_MAX && oldest !== undefined) this.preferred.delete(oldest);
  }

  /** The replica is open: its folder belongs to it. Gives the future logs that were found beside it, which are the caller's now. */
  opened(name: string): readonly FuturePlace[] {
    this.places.delete(name);
    this.preferred.delete(name);
    const futures = this.futures.get(name) ?? [];
    this.futures.delete(name);
    return futures;
  }

  /** Folders that belong to no topic of the image. */
  *strays(isKnown: (topicId: Uuid) => boolean): Generator<{ readonly folder: string; readonly topicId: Uuid }> {
    for (const [name, places] of this.places) {
      for (const { directory, topicId } of places) if (topicId !== undefined && !isKnown(topicId)) yield { folder: `${directory.folder}/${name}`, topicId };
    }
    for (const { directory, topicId, found } of [...this.futures.values()].flat()) if (topicId !== undefined && !isKnown(topicId)) yield { folder: `${directory.folder}/${found.folder}`, topicId };
  }

  /**
   * Where its folder is, or its future log when there is nothing else; for a new replica the directory that was wished for, or that the cluster names, else the usable one with the fewest of those that are not
   * cordoned, and the same one at the next try. On a broker whose directories are all cordoned, which somebody named by hand, the first. `open`: the directories of the replicas that are open.
   * Throws KAFKA_STORAGE_ERROR when it cannot be known, or none is usable.
   */
  async directoryFor(topic: TopicImage, partition: PartitionRegistration, open: Iterable<LogDirectory>): Promise<LogDirectory> {
    const name = topicPartitionName({ topic: topic.name, partition: partition.partitionId });
    await this.removeOfDeletedTopics(name, topic, partition);
    const assignedId = directoryOf(partition, this.options.brokerId);
    const places = this.places.get(name) ?? [];
    const [place] = places;
    if (place !== undefined) return places.length === 1 ? place.directory : this.assignedOf(name, places, assignedId);
    this.expectNotLost(name, assignedId);
    const directory = (await this.adoptedFuture(name)) ?? this.usableFor(name, assignedId, open);
    this.places.set(name, [{ directory, topicId: topic.topicId }]);
    return directory;
  }

  /** The replica is to go, and was never opened. */
  async remove(topic: TopicImage, partition: number): Promise<void> {
    const name = topicPartitionName({ topic: topic.name, partition });
    for (const place of this.futures.get(name) ?? []) await this.removeFuture(name, place);
    for (const place of this.places.get(name) ?? []) await this.removeFolder(name, place, topic, partition);
  }

  private async removeOfDeletedTopics(name: string, topic: TopicImage, partition: PartitionRegistration): Promise<void> {
    const isOther = ({ topicId }: Place): boolean => topicId !== undefined && topicId !== topic.topicId;
    for (const place of (this.places.get(name) ?? []).filter(isOther)) {
      this.options.logger.warn({ folder: `${place.directory.folder}/${name}`, topicId: place.topicId }, 'folder belongs to a topic of the same name that was deleted, and is removed');
      await this.removeFolder(name, place, topic, partition.partitionId);
    }
    for (const place of (this.futures.get(name) ?? []).filter(isOther)) {
      this.options.logger.warn({ folder: `${place.directory.folder}/${place.found.folder}`, topicId: place.topicId }, 'folder belongs to a topic of the same name that was deleted, and is removed');
      await this.removeFuture(name, place);
    }
  }

  private async removeFolder(name: string, place: Place, topic: TopicImage, partition: number): Promise<void> {
    try {
      await place.directory.removePartition(topic.name, partition);
    } catch (error) {
      // It was to be made there, and never was.
      if (!hasCode(error, 'FILE_NOT_FOUND')) throw error;
    }
    without(this.places, name, place);
  }

  private async removeFuture(name: string, place: FuturePlace): Promise<void> {
    await place.directory.removeFoundFuture(place.found);
    without(this.futures, name, place);
  }

  /** One that was about to take the place of a log that is gone already. */
  private async adoptedFuture(name: string): Promise<LogDirectory | undefined> {
    const [future] = this.futures.get(name) ?? [];
    if (future === undefined) return undefined;
    const { directory, found } = future;
    this.options.logger.info({ folder: `${directory.folder}/${found.folder}` }, 'the future log of a partition that is nowhere else becomes its log');
    await directory.adoptFuture(found);
    without(this.futures, name, future);
    return directory;
  }

  private assignedOf(name: string, places: readonly Place[], assignedId: Uuid): LogDirectory {
    const folders = places.map((it) => it.directory.folder);
    const assigned = places.find((it) => it.directory.directoryId === assignedId);
    if (assigned === undefined) throw new OperationalError('KAFKA_STORAGE_ERROR', `${name} is in ${folders.join(' and in ')}, and the cluster does not say which one counts: move one away and start again`);
    this.options.logger.warn({ partition: name, folders, counts: assigned.directory.folder }, 'partition is in several log directories: the one that the cluster names counts, the others are left alone');
    return assigned.directory;
  }

  private expectNotLost(name: string, assignedId: Uuid): void {
    const { directories, unreadableFolders } = this.options;
    const failed = [...directories.filter((it) => it.offlineCause !== undefined).map((it) => it.folder), ...unreadableFolders];
    const isUsable = directories.some((it) => it.directoryId === assignedId && it.offlineCause === undefined);
    if (isUsable || failed.length === 0 || assignedId === UNASSIGNED_DIRECTORY) return;
    throw new OperationalError('KAFKA_STORAGE_ERROR', `${name} may be in ${failed.join(' or ')}, which has failed`);
  }

  private usableFor(name: string, assignedId: Uuid, open: Iterable<LogDirectory>): LogDirectory {
    const usable = this.options.directories.filter((it) => it.offlineCause === undefined);
    const named = usable.find((it) => it === this.preferred.get(name)) ?? usable.find((it) => it.directoryId === assignedId);
    if (named !== undefined) return named;
    const uncordoned = usable.filter((it) => !this.options.isCordoned(it));
    const candidates = uncordoned.length > 0 ? uncordoned : usable.slice(0, 1);
    const counts = new Map<LogDirectory, number>();
    for (const directory of open) counts.set(directory, (counts.get(directory) ?? 0) + 1);
    for (const [place] of this.places.values()) if (place !== undefined) counts.set(place.directory, (counts.get(place.directory) ?? 0) + 1);
    const [least] = candidates.sort((a, b) => (counts.get(a) ?? 0) - (counts.get(b) ?? 0));
    if (least === undefined) throw new OperationalError('KAFKA_STORAGE_ERROR', 'no log directory is usable');
    return least;
  }
}

function add<P>(places: Map<string, readonly P[]>, name: string, place: P): void {
  places.set(name, [...(places.get(name) ?? []), place]);
}

function without<P>(places: Map<string, readonly P[]>, name: string, place: P): void {
  const left = (places.get(name) ?? []).filter((it) => it !== place);
  if (left.length === 0) places.delete(name);
  else places.set(name, left);
}
