import type { FilePosition, TimestampMs } from '@millrace/foundation';

/**
 * The disk as a port. Paths use "/" and are given whole. Every failure is an OperationalError whose message names the file and whose code is one of
 * `FILE_NOT_FOUND`, `FILE_EXISTS`, `STORAGE_FULL` (no space, quota) or `STORAGE_FAILED` (everything else: EIO, EACCES, ...).
 *
 * What survives what: bytes that were written survive the death of the process as soon as the call returns; they survive the death of the machine once `sync()` of the
 * file has resolved. A name that was created, renamed, replaced or removed survives the death of the machine once `syncFolder()` of its folder has resolved.
 */
export interface FileSystem {
  open(path: string, mode: OpenMode): OpenFile;
  /** In no particular order, without sub-folders' content. */
  list(folder: string): FolderEntry[];
  /** With its parents; nothing if it is there. */
  makeFolder(path: string): void;
  /** Replaces what has the new name. Open files follow. */
  rename(from: string, to: string): void;
  /** `rename` in the background: it may have to wait until the disk's journal is written, with everything that others have appended. */
  replace(from: string, to: string): Promise<void>;
  /** A file, or a folder with all that is in it; nothing if it is not there. An open file stays readable. */
  remove(path: string): void;
  syncFolder(path: string): Promise<void>;
}

/** `read` and `update` want a file that is there, `write` makes it when it is not, `exclusive` makes it and refuses one that is there. All but `read` may append and truncate. */
export type OpenMode = 'read' | 'update' | 'write' | 'exclusive';

export interface FolderEntry {
  readonly name: string;
  readonly isFolder: boolean;
  /** Size of a file; 0 for a folder. */
  readonly bytes: number;
  readonly modifiedMs: TimestampMs;
}

/** A file that only grows at its end, or is cut. */
export interface OpenFile {
  readonly path: string;
  readonly bytes: number;
  /** Writes behind the last byte, into the page cache. After a failure the file may hold a part of the bytes; `bytes` is then unchanged, and the next append starts there. */
  append(bytes: Uint8Array): void;
  /** Fills `into` from `position`; returns how many bytes there were (less than asked for only at the end of the file). */
  readSync(into: Uint8Array, position: FilePosition): number;
  read(into: Uint8Array, position: FilePosition): Promise<number>;
  /** Cuts the file to `bytes`, also bytes that a failed append left behind its end. */
  truncate(bytes: number): void;
  /** After a rejection nothing may be assumed of unsynced bytes, and a later success says nothing of them: never retry (fsyncgate). */
  sync(): Promise<void>;
  /** Reads and syncs under way are finished first; further use fails. */
  close(): void;
}
