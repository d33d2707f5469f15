import path from 'node:path';
import { errorCode, type FileSystem } from '../disk/file-system.js';

/** A link of a partition's chain: what was made visible, and where the partition goes on. */
export interface Commit {
  readonly version: 1;
  readonly sequence: number;
  /** Who made it: a task's life. */
  readonly owner: string;
  /** The offset behind the last record in a file; null as long as none was written. */
  readonly next: number | null;
  /** The newest timestamp of all records so far. */
  readonly newestMs: number;
  /** Moves that are part of this commit: a part in the chain's folder, and its name below the directory. */
  readonly files: readonly { readonly part: string; readonly final: string }[];
}

export type CommitContent = Pick<Commit, 'next' | 'newestMs' | 'files'>;

const LINK_NAME = /^\d{16}\.json$/;
const PART_SUFFIX = '.part';

/**
 * The truth about one topic partition below one directory: a chain of small files, numbered, of which only the last counts. A link is made
 * by giving a finished file the next number as its name, which only one can do: whoever comes second has lost the partition (Invariant 3).
 * A commit is done when its link is durable; the moves that it lists are then made by its maker, or by whoever finds the chain (Invariant 2).
 */
export class CommitChain {
  private readonly folder: string;
  private head: Commit | undefined;
  private counter = 0;

  constructor(
    private readonly disk: FileSystem,
    private readonly directory: string,
    partition: string,
    private readonly owner: string,
  ) {
    this.folder = path.join(directory, '.millrace', partition);
  }

  /** Takes the partition over: completes what the last owner had committed, and from here on no earlier owner can commit. */
  async claim(): Promise<Commit> {
    await this.disk.makeFolder(this.folder);
    for (;;) {
      // Listed before the claim: whoever has the partition after us makes parts that are not among these.
      const parts = (await this.disk.list(this.folder)).filter((it) => it.endsWith(PART_SUFFIX));
      const head = await this.readHead();
      if (head !== undefined) await this.moveAll(head);
      this.head = head;
      const claimed = await this.append({ next: head?.next ?? null, newestMs: head?.newestMs ?? -1, files: [] });
      if (typeof claimed === 'string') continue;
      this.head = claimed;
      for (const part of parts) await this.disk.remove(path.join(this.folder, part));
      await this.removeOlder(claimed.sequence);
      return claimed;
    }
  }

  /**
   * Makes the next link, and with it the commit. May be repeated after a failure, with the same content.
   * `taken`: another owner was first. `overtaken`: the same, but it may have taken this link over: its parts must stay.
   */
  async commit(content: CommitContent): Promise<Commit | 'taken' | 'overtaken'> {
    const commit = await this.append(content);
    if (typeof commit !== 'string') this.head = commit;
    return commit;
  }

  /** Makes the files of a commit visible. May be repeated after a failure. */
  async settle(commit: Commit): Promise<void> {
    await this.moveAll(commit);
    await this.removeOlder(commit.sequence);
  }

  /** Where a part of an unfinished file is kept; a new name with each call. */
  partPath(): { readonly part: string; readonly file: string } {
    const part = `${this.owner}-${this.counter++}${PART_SUFFIX}`;
    return { part, file: path.join(this.folder, part) };
  }

  private async append(content: CommitContent): Promise<Commit | 'taken' | 'overtaken'> {
    const commit: Commit = { version: 1, sequence: (this.head?.sequence ?? 0) + 1, owner: this.owner, ...content };
    const name = linkName(commit.sequence);
    const { file } = this.partPath();
    const text = JSON.stringify(commit);
    try {
      const handle = await this.disk.create(file);
      try {
        await handle.write(Buffer.from(text), 0);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await this.disk.link(file, path.join(this.folder, name)).catch(async (error: unknown) => {
        // A link whose answer was lost is ours all the same.
        if (errorCode(error) !== 'EEXIST' || (await this.textOf(name)) !== text) throw error;
      });
      await this.disk.syncFolder(this.folder);
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error;
      return 'taken';
    } finally {
      await this.disk.remove(file);
    }
    // A number below the head's may be free again: the head is never removed, so whoever made such a link sees a later one.
    const sequences = await this.sequences();
    return sequences.some((it) => it > commit.sequence) ? 'overtaken' : commit;
  }

  /** Repeatable, and harmless when two do it: a part that is not there was moved, since none is swept before its link has a successor. Its file may be gone by now. */
  private async moveAll(commit: Commit): Promise<void> {
    const folders = new Set<string>();
    for (const { part, final } of commit.files) {
      const from = path.join(this.folder, part);
      const to = path.join(this.directory, ...final.split('/'));
      const folder = path.dirname(to);
      if (!folders.has(folder)) await this.disk.makeFolder(folder);
      folders.add(folder);
      try {
        await this.disk.rename(from, to);
      } catch (error) {
        if (errorCode(error) !== 'ENOENT' || (await this.disk.exists(from))) throw error;
      }
    }
    for (const folder of folders) await this.disk.syncFolder(folder);
  }

  private async readHead(): Promise<Commit | undefined> {
    for (;;) {
      const sequences = await this.sequences();
      if (sequences.length === 0) return undefined;
      try {
        return JSON.parse(await this.disk.readText(path.join(this.folder, linkName(Math.max(...sequences))))) as Commit;
      } catch (error) {
        // Another owner went on and removed it.
        if (errorCode(error) !== 'ENOENT') throw error;
      }
    }
  }

  private async textOf(name: string): Promise<string | undefined> {
    try {
      return await this.disk.readText(path.join(this.folder, name));
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
      return undefined;
    }
  }

  private async sequences(): Promise<number[]> {
    return (await this.disk.list(this.folder)).filter((it) => LINK_NAME.test(it)).map((it) => Number.parseInt(it, 10));
  }

  private async removeOlder(sequence: number): Promise<void> {
    for (const older of await this.sequences()) if (older < sequence) await this.disk.remove(path.join(this.folder, linkName(older)));
  }
}

function linkName(sequence: number): string {
  return `${String(sequence).padStart(16, '0')}.json`;
}
