import type { Random } from '@millrace/foundation';
import type { MetadataRecord } from '@millrace/protocol';
import { ProtocolError } from '@millrace/protocol';
import type { MetadataImage } from '../image/metadata-image.js';
import type { ControllerConfig } from './controller-config.js';

/** Append `records` as one batch, replay them, and answer when they are committed. No records: answer at once. */
export interface ControllerResult<Response> {
  readonly records: readonly MetadataRecord[];
  readonly response: Response;
}

/** What an operation of the controller sees. */
export interface ControllerView {
  readonly image: MetadataImage;
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

/** One item of a request: its result, or the error that is answered for it while the other items go on. */
export function attempt<T>(work: () => T): { readonly value: T } | { readonly error: ItemError } {
  try {
    return { value: work() };
  } catch (error) {
    if (error instanceof ProtocolError) return { error: { errorCode: error.errorCode, errorMessage: error.message } };
    throw error;
  }
}
