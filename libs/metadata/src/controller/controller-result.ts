import type { Random } from '@millrace/foundation';
import { ErrorCode, ProtocolError, type MetadataRecord } from '@millrace/protocol';
import type { MetadataImage } from '../image/metadata-image.js';
import { RECORDS_PER_BATCH_MAX, type ControllerConfig } from './controller-config.js';
import type { PartitionIndex } from './partition-index.js';
import type { TopicNames } from './topic-names.js';

/** Append `records` in the batches of `batchesOf`, replay them, and answer when they are committed. No records: answer at once. */
export interface ControllerResult<Response> {
  readonly records: readonly MetadataRecord[];
  readonly response: Response;
  /** All records or none: they are one batch. Otherwise each batch stands for itself, and what is lost with a controller is done again by the next. */
  readonly isAtomic?: boolean;
}

/** How the records of a result are to be written: one batch after the other, none larger than Kafka's limit. */
export function batchesOf(result: Pick<ControllerResult<unknown>, 'records' | 'isAtomic'>): readonly (readonly MetadataRecord[])[] {
  const { records } = result;
  if (records.length === 0) return [];
  if (result.isAtomic === true || records.length <= RECORDS_PER_BATCH_MAX) return [records];
  return Array.from({ length: Math.ceil(records.length / RECORDS_PER_BATCH_MAX) }, (_, i) => records.slice(i * RECORDS_PER_BATCH_MAX, (i + 1) * RECORDS_PER_BATCH_MAX));
}

/** What an operation of the controller sees. */
export interface ControllerView {
  readonly image: MetadataImage;
  readonly partitions: PartitionIndex;
  readonly topicNames: TopicNames;
  readonly config: ControllerConfig;
}

/** The moment of an operation. */
export interface ControllerMoment {
  readonly nowMs: number;
  readonly random: Random;
}

export interface ItemError {
  readonly errorCode: number;
  readonly errorMessage: string;
}

export function refuse(errorCode: number, message?: string): never {
  throw new ProtocolError(errorCode, message);
}

/** What a user asks for at once must fit into one batch. */
export function isTooMuch(records: readonly MetadataRecord[]): boolean {
  return records.length > RECORDS_PER_BATCH_MAX;
}

export const TOO_MUCH: ItemError = { errorCode: ErrorCode.POLICY_VIOLATION, errorMessage: 'Unable to perform excessively large batch operation.' };

/** One item of a request: its result, or the error that is answered for it while the other items go on. */
export function attempt<T>(work: () => T): { readonly value: T } | { readonly error: ItemError } {
  try {
    return { value: work() };
  } catch (error) {
    if (error instanceof ProtocolError) return { error: { errorCode: error.errorCode, errorMessage: error.message } };
    throw error;
  }
}
