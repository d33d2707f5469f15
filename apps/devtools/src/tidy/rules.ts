import type { SourceFile } from './source-files.js';

export interface Finding {
  readonly path: string;
  readonly rule: string;
  readonly detail: string;
}

const FILE_LINES_MAX = 600;
const BANNED_FOLDERS = ['utils', 'common', 'shared', 'helpers', 'misc', 'interfaces', 'types', 'enums', 'constants', 'dto'];

/** Files longer than 600 lines: split by concept. */
export function longFiles(files: readonly SourceFile[]): Finding[] {
  return files
    .map((it) => ({ path: it.path, lines: it.text.split('\n').length }))
    .filter((it) => it.lines > FILE_LINES_MAX)
    .map((it) => ({ path: it.path, rule: 'file-length', detail: `${it.lines} lines, the limit is ${FILE_LINES_MAX}` }));
}

/** Folders named by kind or as a drawer for everything. */
export function bannedFolders(files: readonly SourceFile[]): Finding[] {
  return files.flatMap((it) =>
    it.path
      .split('/')
      .slice(0, -1)
      .filter((folder) => BANNED_FOLDERS.includes(folder))
      .map((folder) => ({ path: it.path, rule: 'banned-folder', detail: `a folder "${folder}" says nothing of its concept` })),
  );
}

/** An index names what it exports, and exists only at the root of a package. */
export function exportStars(files: readonly SourceFile[]): Finding[] {
  return files.filter((it) => /^export \* /m.test(it.text)).map((it) => ({ path: it.path, rule: 'export-star', detail: 'export * hides what is public' }));
}

export function strayIndexes(files: readonly SourceFile[]): Finding[] {
  return files.filter((it) => it.path.endsWith('/index.ts') && !/^(libs|apps|connectors)\/[^/]+\/(test\/examples\/[^/]+\/)?src\/index\.ts$/.test(it.path)).map((it) => ({ path: it.path, rule: 'stray-index', detail: 'an index.ts exists only at the root of a package' }));
}

/** Words of a workplace do not belong into what is published. */
export function machinePaths(files: readonly SourceFile[]): Finding[] {
  const forbidden = [`${'/'}work/main`, `${'/'}work/shared`, `${'/'}root/`];
  return files.filter((it) => forbidden.some((word) => it.text.includes(word))).map((it) => ({ path: it.path, rule: 'machine-path', detail: 'a path of one machine' }));
}

export const RULES = [longFiles, bannedFolders, exportStars, strayIndexes, machinePaths];
