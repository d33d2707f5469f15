import { OperationalError, type Logger, type Offset, type Uuid } from '@millrace/foundation';
import type { FileSystem, FolderEntry } from '../fs/file-system.js';
import { readTextFile, replaceFile } from '../fs/whole-file.js';
import { decodePartitionMetadata, encodePartitionMetadata, PARTITION_METADATA_FILE } from '../directory/partition-metadata.js';
import { scanBatches } from '../segment/batch-scan.js';
import { CLEANED_SUFFIX, DELETED_SUFFIX, LOG_SUFFIX, offsetFileName, parseOffsetFileName, SEGMENT_SUFFIXES, SNAPSHOT_SUFFIX, SWAP_SUFFIX } from '../segment/segment-names.js';
import { Segment } from '../segment/segment.js';

export interface FoundFiles {
  readonly segments: Segment[];
  readonly snapshotOffsets: Offset[];
  /** Base offset → suffixes of the files that are there. */
  readonly suffixesByBase: ReadonlyMap<Offset, ReadonlySet<string>>;
}

const TEMPORARY_SUFFIX = '.tmp';

/** Looks through a partition's folder: finishes or undoes what a crash interrupted, removes what belongs to no segment, and lists the rest. */
export async function findFiles(fileSystem: FileSystem, folder: string, logger: Logger): Promise<FoundFiles> {
  await finishSwaps(fileSystem, folder, logger);
  const segments: Segment[] = [];
  const snapshotOffsets: Offset[] = [];
  const suffixesByBase = new Map<Offset, Set<string>>();
  const entries = fileSystem.list(folder).filter((it) => !it.isFolder);
  for (const entry of entries) {
    const parsed = parseOffsetFileName(entry.name);
    if (parsed?.suffix === LOG_SUFFIX) segments.push(Segment.found(fileSystem, folder, { baseOffset: parsed.offset, bytes: entry.bytes, modifiedMs: entry.modifiedMs }));
    if (parsed?.suffix === SNAPSHOT_SUFFIX) snapshotOffsets.push(parsed.offset);
    if (parsed !== undefined) suffixesByBase.set(parsed.offset, (suffixesByBase.get(parsed.offset) ?? new Set()).add(parsed.suffix));
  }
  for (const entry of entries) {
    const parsed = parseOffsetFileName(entry.name);
    if (parsed === undefined || !SEGMENT_SUFFIXES.some((it) => it === parsed.suffix) || suffixesByBase.get(parsed.offset)?.has(LOG_SUFFIX) === true) continue;
    logger.warn({ file: `${folder}/${entry.name}` }, 'index without a log file is removed');
    fileSystem.remove(`${folder}/${entry.name}`);
  }
  segments.sort((a, b) => a.baseOffset - b.baseOffset);
  segments.forEach((segment, i) => (segment.endOffset = segments[i + 1]?.baseOffset ?? segment.baseOffset));
  return { segments, snapshotOffsets, suffixesByBase };
}

/**
 * `.deleted`, `.cleaned` and `.tmp` files are left-overs. A `.swap` file is a cleaned segment that was about to take its place: it is whole, so the swap is finished, unless
 * a `.cleaned` file of the same round shows that the round was not.
 */
async function finishSwaps(fileSystem: FileSystem, folder: string, logger: Logger): Promise<void> {
  const entries = fileSystem.list(folder).filter((it) => !it.isFolder);
  const cleaned = entries.filter((it) => it.name.endsWith(CLEANED_SUFFIX)).map(baseOf);
  const firstCleaned = Math.min(...cleaned, Number.MAX_SAFE_INTEGER);
  const swaps: FolderEntry[] = [];
  for (const entry of entries) {
    const isSwap = entry.name.endsWith(SWAP_SUFFIX);
    if (isSwap && baseOf(entry) < firstCleaned) swaps.push(entry);
    else if (isSwap || [DELETED_SUFFIX, CLEANED_SUFFIX, TEMPORARY_SUFFIX].some((it) => entry.name.endsWith(it) && !entry.name.endsWith('.checkpoint.deleted'))) fileSystem.remove(`${folder}/${entry.name}`);
  }
  let from = Number.MAX_SAFE_INTEGER;
  let to = -1;
  for (const swap of swaps.filter((it) => it.name.endsWith(LOG_SUFFIX + SWAP_SUFFIX))) {
    const file = fileSystem.open(`${folder}/${swap.name}`, 'read');
    const end = await scanBatches(file, { from: 0, to: file.bytes, baseOffset: baseOf(swap) }, () => undefined);
    file.close();
    from = Math.min(from, baseOf(swap));
    to = Math.max(to, end.nextOffset);
  }
  for (const entry of entries) {
    const parsed = parseOffsetFileName(entry.name);
    if (parsed !== undefined && parsed.suffix !== SNAPSHOT_SUFFIX && parsed.offset >= from && parsed.offset < to) fileSystem.remove(`${folder}/${entry.name}`);
  }
  for (const swap of swaps) {
    logger.info({ file: `${folder}/${swap.name}` }, 'finishing an interrupted swap of a cleaned segment');
    fileSystem.rename(`${folder}/${swap.name}`, `${folder}/${swap.name.slice(0, -SWAP_SUFFIX.length)}`);
  }
}

function baseOf(entry: FolderEntry): Offset {
  return Number.parseInt(entry.name, 10);
}

/** A folder belongs to one topic id for good: a topic of the same name that was made anew must not find old records (KIP-516). Returns the id that is written there. */
export function claimFolder(fileSystem: FileSystem, folder: string, topicId: Uuid | undefined): Uuid | undefined {
  const path = `${folder}/${PARTITION_METADATA_FILE}`;
  const text = readTextFile(fileSystem, path);
  const found = text === undefined ? undefined : decodePartitionMetadata(text);
  if (topicId === undefined || found?.topicId === topicId) return found?.topicId;
  if (found !== undefined) throw new OperationalError('INCONSISTENT_TOPIC_ID', `${folder} belongs to topic id ${found.topicId}, not to ${topicId}`);
  replaceFile(fileSystem, path, Buffer.from(encodePartitionMetadata({ topicId })));
  return topicId;
}

export function segmentName(segment: Segment): string {
  return offsetFileName(segment.baseOffset, LOG_SUFFIX);
}
