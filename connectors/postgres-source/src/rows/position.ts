import type { OffsetMap } from '@millrace/connect-api';
import type { Lsn } from '../wire/lsn.js';
import type { MicrosText } from './digit-text.js';

export type MessageType = 'BEGIN' | 'COMMIT' | 'INSERT' | 'UPDATE' | 'DELETE' | 'TRUNCATE' | 'MESSAGE';

/** What the events of one transaction have in common. Events outside a transaction get one of their own. */
export interface TransactionFacts {
  /** Undefined outside a transaction. */
  readonly xid: number | undefined;
  /** When it committed, by the server's clock; since 1970. */
  readonly commitMicros: number;
  /** The end of the commit before this transaction; undefined when the stream has not shown one yet. */
  readonly previousCommitLsn: Lsn | undefined;
  readonly finalLsn: Lsn;
  origin: Buffer | undefined;
  originLsn: Lsn | undefined;
  /** What the source blocks of its records repeat, as text: made by the first of them. */
  text?: TransactionText | undefined;
}

export interface TransactionText {
  readonly commit: MicrosText;
  /** The start of `sequence`: `["<end of the last commit>","`. */
  readonly sequence: Buffer;
  readonly sequenceEnd: number;
}

/** Where a stored offset says to go on, read from Connect's map (ours, or Debezium's). */
export interface StoredPosition {
  /** `running`: rows were being read when it was stored. */
  readonly snapshot: 'none' | 'running' | 'completed';
  readonly lsn: Lsn;
  /** Everything that committed before is in the log. */
  readonly commitLsn: Lsn | undefined;
  readonly xid: number | undefined;
  readonly messageType: MessageType | undefined;
  /** How many changes at `lsn` are in the log: several share a position after COPY or a multi-row insert. */
  readonly eventsAtLsn: number;
  readonly commitMicros: number;
}

/** The offset behind a change: Debezium's keys. */
export function changeOffset(transaction: TransactionFacts, lsn: Lsn, messageType: MessageType, eventsAtLsn: number): OffsetMap {
  const { previousCommitLsn, xid, commitMicros } = transaction;
  return {
    lsn_proc: lsn,
    messageType,
    ...(previousCommitLsn === undefined ? {} : { lsn_commit: previousCommitLsn }),
    lsn,
    ...(xid === undefined ? {} : { txId: xid }),
    ts_usec: commitMicros,
    ...eventsProcessed(messageType, eventsAtLsn),
  };
}

/** The offset behind a commit, or behind a position up to which there was nothing to send. */
export function commitOffset(lsn: Lsn, xid: number | undefined, commitMicros: number): OffsetMap {
  return { lsn_proc: lsn, messageType: 'COMMIT', lsn_commit: lsn, lsn, ...(xid === undefined ? {} : { txId: xid }), ts_usec: commitMicros };
}

export function snapshotOffset(snapshot: { readonly lsn: Lsn; readonly xid: number; readonly micros: number }, isLast: boolean): OffsetMap {
  return { last_snapshot_record: isLast, lsn: snapshot.lsn, txId: snapshot.xid, ts_usec: snapshot.micros, snapshot: 'INITIAL', snapshot_completed: isLast };
}

/** The offset that says so. */
export function positionOffset(position: StoredPosition): OffsetMap {
  const { lsn, commitLsn, xid, messageType, eventsAtLsn, commitMicros } = position;
  return {
    lsn_proc: lsn,
    messageType: messageType ?? 'COMMIT',
    ...(commitLsn === undefined ? {} : { lsn_commit: commitLsn }),
    lsn,
    ...(xid === undefined ? {} : { txId: xid }),
    ts_usec: commitMicros,
    ...eventsProcessed(messageType, eventsAtLsn),
  };
}

export function readStoredPosition(offset: OffsetMap | null): StoredPosition | undefined {
  if (!offset) return undefined;
  const lsn = numberOf(offset.lsn) ?? numberOf(offset.lsn_proc);
  if (lsn === undefined) return undefined;
  const isSnapshot = isInitialSnapshot(offset);
  const isCompleted = offset.snapshot_completed === true || offset.last_snapshot_record === true;
  return {
    snapshot: !isSnapshot ? 'none' : isCompleted ? 'completed' : 'running',
    lsn,
    commitLsn: numberOf(offset.lsn_commit),
    xid: numberOf(offset.txId),
    messageType: (offset.messageType as MessageType | null | undefined) ?? undefined,
    eventsAtLsn: numberOf(offset.lsn_events_processed) ?? (isSnapshot ? 0 : eventsByDebezium(offset)),
    commitMicros: numberOf(offset.ts_usec) ?? 0,
  };
}

/** Behind the first records of a change that is several, none is: that is said too, since Debezium says nothing. */
function eventsProcessed(messageType: MessageType | undefined, events: number): OffsetMap {
  return events > 0 || isRowChange(messageType) ? { lsn_events_processed: events } : {};
}

/** Debezium (before 3.7) does not count: behind a change, that one is in the log, and of others at its position nothing is known. */
function eventsByDebezium({ messageType }: OffsetMap): number {
  return isRowChange(messageType) ? 1 : 0;
}

function isRowChange(messageType: OffsetMap[string] | undefined): boolean {
  return messageType === 'INSERT' || messageType === 'UPDATE' || messageType === 'DELETE';
}

/** Incremental and blocking snapshots have their place in the stream. */
function isInitialSnapshot({ snapshot }: OffsetMap): boolean {
  return snapshot !== undefined && snapshot !== null && snapshot !== false && snapshot !== 'INCREMENTAL' && snapshot !== 'BLOCKING';
}

/** Up to where the server may forget its log once this offset is durable; undefined while a snapshot runs. */
export function durableLsn(offset: OffsetMap): Lsn | undefined {
  const commit = numberOf(offset.lsn_commit);
  if (commit !== undefined) return commit;
  if (isInitialSnapshot(offset)) return offset.snapshot_completed === true ? numberOf(offset.lsn) : undefined;
  return numberOf(offset.lsn_proc);
}

function numberOf(value: OffsetMap[string] | undefined): number | undefined {
  return typeof value === 'number' ? value : typeof value === 'bigint' ? Number(value) : undefined;
}
