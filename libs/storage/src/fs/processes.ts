/** What a lock file needs to know of processes. */
export interface Processes {
  readonly pid: number;
  /** Tells one life of a process id from the next; undefined when no such process lives. */
  identity(pid: number): string | undefined;
  /** The process that holds an operating system lock on the file, as Apache Kafka does; undefined when there is none or it cannot be known. */
  lockHolder(path: string): number | undefined;
}
