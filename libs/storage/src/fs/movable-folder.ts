import type { FileSystem, FolderEntry, OpenFile, OpenMode } from './file-system.js';

/**
 * The disk as the log of one partition sees it: its folder has one name for good, whatever it is called on the disk at the moment. So a future log need not know when it becomes the partition's log, and
 * those who still read a log that was replaced find its files.
 */
export class MovableFolder implements FileSystem {
  private actualPath: string;

  /** `path`: the name that its log knows. `actualPath`: the one that it has. */
  constructor(
    private readonly disk: FileSystem,
    private readonly path: string,
    actualPath: string = path,
  ) {
    this.actualPath = actualPath;
  }

  get actual(): string {
    return this.actualPath;
  }

  /** The folder gets another name on the disk; what is open in it stays open. */
  moveTo(path: string): void {
    this.disk.rename(this.actualPath, path);
    this.actualPath = path;
  }

  open(path: string, mode: OpenMode): OpenFile {
    return this.disk.open(this.onDisk(path), mode);
  }

  list(folder: string): FolderEntry[] {
    return this.disk.list(this.onDisk(folder));
  }

  makeFolder(path: string): void {
    this.disk.makeFolder(this.onDisk(path));
  }

  rename(from: string, to: string): void {
    this.disk.rename(this.onDisk(from), this.onDisk(to));
  }

  replace(from: string, to: string): Promise<void> {
    return this.disk.replace(this.onDisk(from), this.onDisk(to));
  }

  remove(path: string): void {
    this.disk.remove(this.onDisk(path));
  }

  syncFolder(path: string): Promise<void> {
    return this.disk.syncFolder(this.onDisk(path));
  }

  private onDisk(path: string): string {
    return path === this.path || path.startsWith(`${this.path}/`) ? this.actualPath + path.slice(this.path.length) : path;
  }
}
