import type { Codecs, Logger, TimestampMs } from '@millrace/foundation';
import { featureRecords, METADATA_VERSION_FEATURE, NEW_CLUSTER_LEVELS, SUPPORTED_FEATURES } from '@millrace/metadata';
import { replaceFileDurably, type FileSystem } from '@millrace/storage';
import { readSnapshot, snapshotBatches } from './snapshot-content.js';

/** What a formatting leaves in each log directory: the features that the cluster is to begin with, as Kafka's tools write it. */
const BOOTSTRAP_FILE = 'bootstrap.checkpoint';

const DECOMPRESSED_BYTES_MAX = 1024 * 1024;

/**
 * Which features a new cluster begins with, says the formatting of `folder`. What of it this version cannot do (a Kafka that is newer has formatted the folder) is told in the log and left
 * out; a metadata.version that is not supported becomes the usual one. Undefined without a formatting.
 */
export function bootstrapLevels(folder: string, { fileSystem, codecs, logger }: { readonly fileSystem: FileSystem; readonly codecs: Codecs; readonly logger: Logger }): ReadonlyMap<string, number> | undefined {
  const content = readSnapshot(`${folder}/${BOOTSTRAP_FILE}`, { fileSystem, codecs, decompressedBytesMax: DECOMPRESSED_BYTES_MAX });
  if (content === undefined) return undefined;
  const levels = new Map<string, number>();
  for (const it of content.records) {
    if (it.type !== 'FeatureLevelRecord') continue;
    const { name, featureLevel } = it.record;
    const range = SUPPORTED_FEATURES.find((feature) => feature.name === name);
    if (range !== undefined && featureLevel >= range.minSupportedVersion && featureLevel <= range.maxSupportedVersion) levels.set(name, featureLevel);
    else logger.warn({ feature: name, level: featureLevel }, 'the directory was formatted for a level of a feature that is not supported; a new cluster begins without it');
  }
  const metadataVersion = levels.get(METADATA_VERSION_FEATURE) ?? NEW_CLUSTER_LEVELS.get(METADATA_VERSION_FEATURE);
  return metadataVersion === undefined ? levels : levels.set(METADATA_VERSION_FEATURE, metadataVersion);
}

/** Durable when it resolves. */
export async function writeBootstrapFile(folder: string, levels: ReadonlyMap<string, number>, { fileSystem, codecs, nowMs }: { readonly fileSystem: FileSystem; readonly codecs: Codecs; readonly nowMs: TimestampMs }): Promise<void> {
  const content = { records: featureRecords(levels), kRaftVersion: 0, voters: [] };
  await replaceFileDurably(fileSystem, `${folder}/${BOOTSTRAP_FILE}`, Buffer.concat([...snapshotBatches(content, { codecs, leaderEpoch: 0, lastContainedLogTimestamp: nowMs })]));
}
