import type { ConnectLogger } from '@millrace/connect-api';
import fs from 'node:fs/promises';
import path from 'node:path';
import type { SourceSettings } from '../config/source-settings.js';
import type { FileBook } from './file-book.js';

/** Removes or moves files whose every record is stored and that have rested long enough. What fails is tried with the next scan. */
export async function cleanUp(book: FileBook, settings: SourceSettings, logger: ConnectLogger, nowMs: number): Promise<void> {
  for (const file of [...book.files]) {
    if (!file.isStored || file.goneSinceMs !== undefined || file.isTruncated || nowMs - file.mtimeMs < settings.cleanupIdleMs) continue;
    try {
      const stat = await fs.stat(file.path, { bigint: true });
      // It has changed since the scan: not now.
      if (`${stat.dev}:${stat.ino}` !== file.inode || Number(stat.size) !== file.size || Number(stat.mtimeNs) / 1e6 !== file.mtimeMs) continue;
      await file.close();
      if (settings.cleanup === 'delete') await fs.unlink(file.path);
      else if (settings.cleanupDirectory !== null) await move(file.path, settings.cleanupDirectory);
      book.finish(file);
      logger.info({ path: file.path, policy: settings.cleanup }, 'A file is done with');
    } catch (error) {
      logger.warn({ path: file.path, error: (error as Error).message }, 'A file could not be cleaned up; it is tried again');
    }
  }
}

/** Under its own name, or one that is free: nothing is written over. */
async function move(file: string, folder: string): Promise<void> {
  await fs.mkdir(folder, { recursive: true });
  for (let i = 0; ; i++) {
    const target = path.join(folder, i === 0 ? path.basename(file) : `${path.basename(file)}.${i}`);
    try {
      await fs.link(file, target);
    } catch (error) {
      if ((error as { code?: unknown }).code === 'EEXIST') continue;
      throw error;
    }
    await fs.unlink(file);
    return;
  }
}
