import type { SinkPlugin, SinkTask, SourcePlugin, SourceTask } from '@millrace/connect-api';
import type { DeliveredRecord } from './harness/source-harness.js';
import type { RecordParts } from './harness/sink-record.js';

/** Makes what the connector talks to unreachable for a while. */
export interface Outage {
  /** Resolves when it cannot be reached. */
  begin(): Promise<void>;
  /** Resolves when it can be reached again. */
  end(): Promise<void>;
}

/** What both kinds of driver have. A check calls `open`, works, and calls `close`; never two checks at once. */
export interface ConnectorDriver<P extends SourcePlugin | SinkPlugin, T extends SourceTask | SinkTask> {
  /** What the manifest's entry exports. */
  readonly plugin: P;
  /** The package's folder: where its package.json is. */
  readonly folder: string;
  /** Makes a fresh and empty outside world (a database, a folder, a server) and answers a valid config for it. */
  open(): Promise<Record<string, string>>;
  /** Takes it down. Called after every `open`, also after a failure. */
  close(): Promise<void>;
  /** Absent: the check of outages is skipped. */
  readonly outage?: Outage;
  /**
   * The task's process has just died, perhaps in the middle of a call: what its death would end must end (its sessions, its locks), so that
   * the call under way fails and has no effect any more. Absent: calls under way run to their end, so a task dies between calls only.
   */
  kill?(task: T): Promise<void>;
  /** The outside world's state as text, by which the suite sees that `validate` changed nothing. */
  fingerprint?(): Promise<string>;
  /** How long a stop may take. Default 5,000, as the worker's `task.shutdown.graceful.timeout.ms`. */
  readonly graceMs?: number;
  /** How long a call in which the task waits may go on after the abort. Default 1,000. */
  readonly abortMs?: number;
  /** How long the suite waits for what must come. Default 20,000. */
  readonly patienceMs?: number;
  /** Starts and stops by which leaks are looked for. Default 30. */
  readonly cycles?: number;
  /** Of the random choices. Default 1. */
  readonly randomSeed?: number;
}

/** What the author of a source supplies. Items are numbered from 0 in the order in which they are added to the source. */
export interface SourceDriver extends ConnectorDriver<SourcePlugin, SourceTask> {
  /** Adds items first .. first + count - 1 at the source's end. Where it has several partitions (files, shards), spread over them. */
  seed(first: number, count: number): Promise<void>;
  /** The number of the item that this record carries; undefined for a record of another kind (a heartbeat, a tombstone). */
  identify(record: DeliveredRecord): number | undefined;
  /** The most records that a poll may return under the config; absent: not checked. */
  readonly pollRecordsMax?: number;
  /** How long a poll may wait while there is nothing to read. Default 2,000: until it is back a task can neither pause nor store a quiet position. */
  readonly idleMs?: number;
  /** How many items the source has given out so far, where that can be seen; the suite holds reading ahead to `readAheadMax`. */
  taken?(): number;
  /** Items that may be read and not handed over yet while nobody polls. Default: 2 × pollRecordsMax. */
  readonly readAheadMax?: number;
}

/** What a sink promises beyond "at least once". Each promise is checked. */
export interface SinkClaims {
  /** Records that come again change nothing. */
  readonly idempotent?: boolean;
  /** Nothing is ever stored twice, whenever the task dies and however far back it is made to begin. */
  readonly exactlyOnce?: boolean;
  /** `readBack` answers the items of a partition in their order. */
  readonly ordered?: boolean;
  /** A tombstone takes the item of its key away. */
  readonly deletes?: boolean;
}

/** What the author of a sink supplies. Items are numbered; item i is what `record(i)` carries. */
export interface SinkDriver extends ConnectorDriver<SinkPlugin, SinkTask> {
  /** The topic that the records come from. Default `accepted`. */
  readonly topic?: string;
  /** The record of item i; each with a key of its own. */
  record(item: number): RecordParts;
  /** The items that are durable in the outside world, repeats included; in order where the sink claims that. */
  readBack(): Promise<number[]>;
  readonly claims?: SinkClaims;
  /** A record that the sink must refuse although the rest of its batch is fine. */
  badRecord?(item: number): RecordParts;
  /** A record with a null value for the key of item i. Default: the key of `record(i)` and no value. */
  tombstone?(item: number): RecordParts;
  /** Item i as a record with another schema than `record` uses (a field more). */
  changedRecord?(item: number): RecordParts;
  /** Item i as a record of about so many bytes. */
  largeRecord?(item: number, bytes: number): RecordParts;
  /** Of the largest record that is tried. Default 8 MiB. */
  readonly largeBytes?: number;
}

export function graceMs(driver: { readonly graceMs?: number }): number {
  return driver.graceMs ?? 5000;
}

export function patienceMs(driver: { readonly patienceMs?: number }): number {
  return driver.patienceMs ?? 20_000;
}
