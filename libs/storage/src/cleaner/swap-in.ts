import type { FileSystem } from '../fs/file-system.js';
import { CLEANED_SUFFIX, LOG_SUFFIX, OFFSET_INDEX_SUFFIX, offsetFileName, SWAP_SUFFIX, TIME_INDEX_SUFFIX, TRANSACTION_INDEX_SUFFIX } from '../segment/segment-names.js';
import { Segment } from '../segment/segment.js';
import type { CleanedGroup } from './cleaning-job.js';

/** The segments that were cleaned, if the log still has them as they were. */
export function sourcesIn(segments: readonly Segment[], cleaned: CleanedGroup): readonly Segment[] | undefined {
  const { sources } = cleaned;
  const from = segments.findIndex((it) => it.baseOffset === sources[0]?.baseOffset);
  const found = from < 0 ? [] : segments.slice(from, from + sources.length);
  return found.length === sources.length && found.every((it, i) => it.baseOffset === sources[i]?.baseOffset && it.bytes === sources[i].bytes) ? found : undefined;
}

/**
 * The files of a cleaned segment take the place of the old ones. A crash at any point is finished or undone at the next start: as long as a `.cleaned` file is left nothing has
 * happened; from then on the `.swap` files win over whatever stands in their range.
 */
export function swapIn(cleaned: CleanedGroup, old: readonly Segment[], fileSystem: FileSystem): { readonly segment: Segment; readonly deletions: readonly { readonly segment: Segment; readonly paths: readonly string[] }[] } {
  const [first] = old as readonly [Segment];
  const last = old[old.length - 1]!;
  const { folder, baseOffset } = first;
  const paths = [LOG_SUFFIX, OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX, ...(cleaned.hasTransactionIndex ? [TRANSACTION_INDEX_SUFFIX] : [])].map((it) => `${folder}/${offsetFileName(baseOffset, it)}`);
  const names = new Set(fileSystem.list(folder).map((it) => it.name));
  for (const path of paths) fileSystem.rename(path + CLEANED_SUFFIX, path + SWAP_SUFFIX);
  const deletions = old.map((segment) => ({ segment, paths: segment.markDeleted(names) }));
  for (const path of paths) fileSystem.rename(path + SWAP_SUFFIX, path);
  const segment = Segment.found(fileSystem, folder, { baseOffset, bytes: cleaned.bytes, modifiedMs: last.createdAtMs });
  segment.endOffset = last.endOffset;
  return { segment, deletions };
}

/** After a cleaning that did not come to its end: takes the files away that it has left. */
export function removeLeftovers(folder: string, fileSystem: FileSystem): void {
  for (const { name } of fileSystem.list(folder)) if (name.endsWith(CLEANED_SUFFIX)) fileSystem.remove(`${folder}/${name}`);
}
