import { createHash } from 'node:crypto';
import { type BigIntStats, statSync } from 'node:fs';
import fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import picomatch from 'picomatch';

/** A file as a scan found it. */
export interface FoundFile {
  readonly path: string;
  /** Device and inode. */
  readonly inode: string;
  readonly size: number;
  readonly mtimeMs: number;
  readonly birthMs: number;
  /** The path without what a rotation adds. */
  readonly family: string;
  /** False: no glob matches it, but its family: it may only go on with what was begun under another name. */
  readonly isIncluded: boolean;
}

export interface FileSelectionOptions {
  /** Only this file, whatever characters its path has. */
  readonly file: string | null;
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly rotatedSuffix: RegExp;
  readonly taskIndex: number;
  readonly taskCount: number;
}

const OPTIONS = { dot: true, nonegate: true } as const;

/** Which files this task reads. Files of one family are always one task's, whatever their rotation makes of their names. */
export class FileSelection {
  private readonly isMatch: (file: string) => boolean;
  private readonly isExcluded: (file: string) => boolean;
  /** Folders to look through, with how deep (in names below them; Infinity for `**`). */
  readonly roots: readonly { readonly folder: string; readonly depth: number }[];

  constructor(private readonly options: FileSelectionOptions) {
    const matchers = options.include.map((it) => picomatch(path.normalize(it), OPTIONS));
    this.isMatch = options.file === null ? (file) => matchers.some((it) => it(file)) : (file) => file === options.file;
    this.isExcluded = options.exclude.length === 0 ? () => false : picomatch(options.exclude.map((it) => path.normalize(it)), OPTIONS);
    this.roots = options.file === null ? rootsOf(options.include) : [{ folder: path.dirname(options.file), depth: 0 }];
  }

  family(file: string): string {
    const base = path.basename(file);
    const stem = base.replace(this.options.rotatedSuffix, '');
    return stem === '' || stem === base ? file : path.join(path.dirname(file), stem);
  }

  /** Undefined: nothing of this task's. */
  classify(file: string): { readonly family: string; readonly isIncluded: boolean } | undefined {
    const family = this.family(file);
    const isIncluded = this.isMatch(file) && !this.isExcluded(file);
    if (!isIncluded && (family === file || !this.isMatch(family))) return undefined;
    return this.isOurs(family) ? { family, isIncluded } : undefined;
  }

  /** Every file of this task that is there now. What vanishes meanwhile is left out; a folder that cannot be read is reported. */
  async scan(onTrouble: (folder: string, error: Error) => void): Promise<FoundFile[]> {
    const found = new Map<string, FoundFile>();
    for (const { folder, depth } of this.roots) await this.walk(folder, depth, found, onTrouble);
    return [...found.values()];
  }

  private async walk(folder: string, depth: number, found: Map<string, FoundFile>, onTrouble: (folder: string, error: Error) => void): Promise<void> {
    let entries;
    try {
      entries = await fs.readdir(folder, { withFileTypes: true });
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'ENOENT') onTrouble(folder, error as Error);
      return;
    }
    for (const entry of entries) {
      const file = path.join(folder, entry.name);
      if (entry.isDirectory()) {
        if (depth > 0) await this.walk(file, depth - 1, found, onTrouble);
        continue;
      }
      if ((!entry.isFile() && !entry.isSymbolicLink()) || found.has(file)) continue;
      const kind = this.classify(file);
      if (kind === undefined) continue;
      const stat = await statOf(file);
      if (stat?.isFile() !== true) continue;
      found.set(file, { path: file, inode: `${stat.dev}:${stat.ino}`, size: Number(stat.size), mtimeMs: Number(stat.mtimeNs) / 1e6, birthMs: birthOf(stat), ...kind });
    }
  }

  private isOurs(family: string): boolean {
    const { taskIndex, taskCount } = this.options;
    return taskCount === 1 || createHash('sha1').update(family).digest().readUInt32BE(0) % taskCount === taskIndex;
  }
}

let areBirthsTold: boolean | undefined;

/** 0: not known. A system that knows no births reports the last change in their place: seen at a folder, which changes with every file in it. */
function birthOf(stat: BigIntStats): number {
  if (areBirthsTold === undefined) {
    const { birthtimeNs, ctimeNs } = statSync(tmpdir(), { bigint: true });
    areBirthsTold = birthtimeNs !== ctimeNs;
  }
  return areBirthsTold ? Math.trunc(Number(stat.birthtimeNs) / 1e6) : 0;
}

async function statOf(file: string): Promise<BigIntStats | undefined> {
  try {
    return await fs.stat(file, { bigint: true });
  } catch {
    // Gone between the listing and now, or a link to nowhere: the next scan will tell.
    return undefined;
  }
}

function rootsOf(include: readonly string[]): { folder: string; depth: number }[] {
  const deepest = new Map<string, number>();
  for (const glob of include) {
    const { base, glob: rest } = picomatch.scan(path.normalize(glob), { unescape: true });
    const folder = rest === '' ? path.dirname(base) : base;
    const depth = rest.includes('**') ? Infinity : Math.max(0, rest.split('/').length - 1);
    deepest.set(folder, Math.max(depth, deepest.get(folder) ?? 0));
  }
  return [...deepest].map(([folder, depth]) => ({ folder, depth }));
}
