import { hasCode, OperationalError, topicPartitionName, type BrokerId, type Logger, type Uuid } from '@millrace/foundation';
import { directoryOf, UNASSIGNED_DIRECTORY, type PartitionRegistration, type TopicImage } from '@millrace/metadata';
import type { LogDirectory } from '@millrace/storage';

export interface ReplicaPlacementOptions {
  readonly brokerId: BrokerId;
  readonly directories: readonly LogDirectory[];
  /** Of a directory that gets no new replicas while there is another (KIP-1066). */
  readonly isCordoned: (directory: LogDirectory) => boolean;
  readonly logger: Logger;
}

/** The folder of a replica that is not open yet. */
interface Place {
  readonly directory: LogDirectory;
  readonly topicId: Uuid | undefined;
}

/** In which log directory a replica that is to be opened is, or is to be made. What may be in a directory that has failed is never made anew elsewhere (KIP-858). */
export class ReplicaPlacement {
  private readonly places = new Map<string, Place[]>();

  constructor(private readonly options: ReplicaPlacementOptions) {}

  /** A folder that was there at start. */
  found(name: string, place: Place): void {
    this.places.set(name, [...(this.places.get(name) ?? []), place]);
  }

  /** The replica is open: its folder belongs to it. */
  opened(name: string): void {
    this.places.delete(name);
  }

  /** Folders that belong to no topic of the image. */
  *strays(isKnown: (topicId: Uuid) => boolean): Generator<{ readonly folder: string; readonly topicId: Uuid }> {
    for (const [name, places] of this.places) {
      for (const { directory, topicId } of places) if (topicId !== undefined && !isKnown(topicId)) yield { folder: `${directory.folder}/${name}`, topicId };
    }
  }

  /**
   * Where its folder is; for a new replica the one that the cluster names, else the usable one with the fewest of those that are not cordoned, and the same one at the next try.
   * On a broker whose directories are all cordoned, which somebody named by hand, the first. `open`: the directories of the replicas that are open.
   * Throws KAFKA_STORAGE_ERROR when it cannot be known, or none is usable.
   */
  async directoryFor(topic: TopicImage, partition: PartitionRegistration, open: Iterable<LogDirectory>): Promise<LogDirectory> {
    const name = topicPartitionName({ topic: topic.name, partition: partition.partitionId });
    await this.removeOfDeletedTopics(name, topic, partition);
    const assignedId = directoryOf(partition, this.options.brokerId);
    const places = this.places.get(name) ?? [];
    const [place] = places;
    if (place !== undefined) return places.length === 1 ? place.directory : this.assignedOf(name, places, assignedId);
    const directory = this.usableFor(name, assignedId, open);
    this.places.set(name, [{ directory, topicId: topic.topicId }]);
    return directory;
  }

  /** The replica is to go, and was never opened. */
  async remove(topic: TopicImage, partition: number): Promise<void> {
    const name = topicPartitionName({ topic: topic.name, partition });
    for (const place of this.places.get(name) ?? []) await this.removeFolder(name, place, topic, partition);
  }

  private async removeOfDeletedTopics(name: string, topic: TopicImage, partition: PartitionRegistration): Promise<void> {
    for (const place of this.places.get(name) ?? []) {
      if (place.topicId === undefined || place.topicId === topic.topicId) continue;
      this.options.logger.warn({ folder: `${place.directory.folder}/${name}`, topicId: place.topicId }, 'folder belongs to a topic of the same name that was deleted, and is removed');
      await this.removeFolder(name, place, topic, partition.partitionId);
    }
  }

  private async removeFolder(name: string, place: Place, topic: TopicImage, partition: number): Promise<void> {
    try {
      await place.directory.removePartition(topic.name, partition);
    } catch (error) {
      // It was to be made there, and never was.
      if (!hasCode(error, 'FILE_NOT_FOUND')) throw error;
    }
    const left = (this.places.get(name) ?? []).filter((it) => it !== place);
    if (left.length === 0) this.places.delete(name);
    else this.places.set(name, left);
  }

  private assignedOf(name: string, places: readonly Place[], assignedId: Uuid): LogDirectory {
    const folders = places.map((it) => it.directory.folder);
    const assigned = places.find((it) => it.directory.directoryId === assignedId);
    if (assigned === undefined) throw new OperationalError('KAFKA_STORAGE_ERROR', `${name} is in ${folders.join(' and in ')}, and the cluster does not say which one counts: move one away and start again`);
    this.options.logger.warn({ partition: name, folders, counts: assigned.directory.folder }, 'partition is in several log directories: the one that the cluster names counts, the others are left alone');
    return assigned.directory;
  }

  private usableFor(name: string, assignedId: Uuid, open: Iterable<LogDirectory>): LogDirectory {
    const { directories } = this.options;
    const usable = directories.filter((it) => it.offlineCause === undefined);
    const assigned = usable.find((it) => it.directoryId === assignedId);
    if (assigned !== undefined) return assigned;
    if (usable.length < directories.length && assignedId !== UNASSIGNED_DIRECTORY) {
      const failed = directories.filter((it) => it.offlineCause !== undefined).map((it) => it.folder);
      throw new OperationalError('KAFKA_STORAGE_ERROR', `${name} may be in ${failed.join(' or ')}, which has failed`);
    }
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
