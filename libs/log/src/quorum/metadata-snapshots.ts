import { errorMessage, type LeaderEpoch, type Logger, type TimestampMs } from '@millrace/foundation';
import { imageRecords, type MetadataImage } from '@millrace/metadata';
import type { SnapshotId } from '@millrace/storage';
import type { BrokerConfig } from '../config/broker-config.js';
import { isStorageFailure } from '../storage-failure.js';
import type { MetadataBatch, MetadataStore } from './metadata-store.js';
import type { QuorumDriver } from './quorum-driver.js';

export interface MetadataSnapshotsOptions {
  readonly config: BrokerConfig;
  readonly store: MetadataStore;
  readonly quorum: QuorumDriver;
  readonly image: MetadataImage;
  readonly logger: Logger;
}

/** Writes what is committed as a snapshot from time to time, and cuts the log where newer snapshots stand for it. Every node does it for itself, as in Kafka. */
export class MetadataSnapshots {
  private bytes = 0;
  private lastMs: TimestampMs;
  private writing: Promise<void> | undefined;

  constructor(private readonly options: MetadataSnapshotsOptions) {
    this.lastMs = options.quorum.nowMs();
  }

  /** The image holds everything up to this batch, and nothing more. */
  followed(batch: MetadataBatch): void {
    const { config, quorum } = this.options;
    this.bytes += batch.sizeBytes;
    if (this.writing !== undefined || batch.nextOffset <= 0) return;
    const intervalMs = config.get('metadata.log.max.snapshot.interval.ms');
    const isDue = this.bytes >= config.get('metadata.log.max.record.bytes.between.snapshots') || (intervalMs > 0 && quorum.nowMs() - this.lastMs >= intervalMs);
    if (isDue) this.begin(batch);
  }

  /** A snapshot came from the leader. */
  loaded(): void {
    this.bytes = 0;
    this.lastMs = this.options.quorum.nowMs();
  }

  /** Resolves when none is being written. */
  async settled(): Promise<void> {
    await this.writing;
  }

  private begin(batch: MetadataBatch): void {
    const { store, quorum, image, logger } = this.options;
    this.loaded();
    const epoch: LeaderEpoch = store.log.epochAt(batch.baseOffset);
    const id = { endOffset: batch.nextOffset, epoch };
    const { kRaftVersion, voters } = quorum.controlStateAt(id.endOffset);
    const content = { records: imageRecords(image), kRaftVersion, voters: voters ?? [] };
    this.writing = this.write(id, content, batch.timestampMs)
      .catch((error: unknown) => {
        // The log has everything still: the node goes on, and the next one is due in its time.
        const stack = !isStorageFailure(error) && error instanceof Error ? error.stack : undefined;
        logger.error({ error: errorMessage(error), ...(stack === undefined ? {} : { stack }) }, 'a snapshot of the metadata cannot be written');
      })
      .finally(() => (this.writing = undefined));
  }

  private async write(id: SnapshotId, content: Parameters<MetadataStore['snapshots']['write']>[1], timestampMs: TimestampMs): Promise<void> {
    const { store, quorum, logger } = this.options;
    await store.snapshots.write(id, content, timestampMs);
    logger.info({ endOffset: id.endOffset, epoch: id.epoch, records: content.records.length }, 'wrote a snapshot of the metadata');
    await quorum.snapshotsChanged(() => this.removeOld());
  }

  /** As Kafka does it: the oldest snapshot, and the log that the one behind it stands for, go while all is too large or too old. One snapshot always stays. */
  private removeOld(): void {
    const { config, store, quorum } = this.options;
    const { log, snapshots } = store;
    const [bytesMax, ageMsMax] = [config.get('metadata.max.retention.bytes'), config.get('metadata.max.retention.ms')];
    let kept = snapshots.list().filter((it) => it.endOffset > 0);
    for (let [oldest, next] = kept; oldest !== undefined && next !== undefined; [oldest, next] = kept) {
      const bytes = log.bytes + kept.reduce((sum, it) => sum + it.sizeInBytes, 0);
      const isTooMuch = bytesMax >= 0 && bytes > bytesMax;
      const isTooOld = ageMsMax >= 0 && quorum.nowMs() - oldest.modifiedMs > ageMsMax;
      if (!isTooMuch && !isTooOld) break;
      snapshots.remove(oldest);
      log.advanceLogStartOffset(next.endOffset);
      log.deleteOldSegments(quorum.highWatermark);
      kept = kept.slice(1);
    }
  }
}
