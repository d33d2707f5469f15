import type { FSWatcher } from 'chokidar';
import { errorMessage } from './error-message.js';

/** Reports changes soon after they happen, mostly. Nothing relies on it (Invariant 5). */
export interface ChangeWatch {
  close(): Promise<void>;
}

export interface ChangeWatchOptions {
  readonly roots: readonly { readonly folder: string; readonly depth: number }[];
  readonly isWanted: (file: string) => boolean;
  /** A file that may have more in it. */
  readonly onChange: (path: string) => void;
  /** Files came or went. */
  readonly onFiles: () => void;
  /** It reports nothing any more. */
  readonly onTrouble: (reason: string) => void;
}

/** By chokidar, which is loaded with the first use: it is an ES module, and a task without it can still work. */
export async function watchChanges(options: ChangeWatchOptions): Promise<ChangeWatch> {
  const { watch } = await import('chokidar');
  const watchers: FSWatcher[] = [];
  for (const { folder, depth } of options.roots) {
    const watcher = watch(folder, {
      ignoreInitial: true,
      persistent: true,
      ...(depth === Infinity ? {} : { depth }),
      ignored: (path, stats) => stats?.isFile() === true && !options.isWanted(path),
    });
    watcher.on('change', (path) => options.onChange(path));
    watcher.on('add', () => options.onFiles());
    watcher.on('unlink', () => options.onFiles());
    watcher.on('addDir', () => options.onFiles());
    watcher.on('error', (error) => options.onTrouble(errorMessage(error)));
    watchers.push(watcher);
  }
  return { close: async () => void (await Promise.all(watchers.map((it) => it.close()))) };
}
