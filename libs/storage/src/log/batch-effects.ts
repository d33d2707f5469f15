import type { Codecs } from '@millrace/foundation';
import { batchBaseOffsetAt, batchLeaderEpochAt, batchProducerIdAt, batchSizeAt, isControlBatchAt, readBatchHeader, readEndTxnMarker, recordsOf, type EndTxnMarker } from '@millrace/records';
import type { ProducerStateTable } from '../producer/producer-state-table.js';
import type { TransactionIndex } from '../segment/transaction-index.js';
import type { LeaderEpochs } from './leader-epochs.js';

const CONTROL_BYTES_MAX = 64 * 1024;

/** What a batch in the log means for the state beside the log. Each part may be left out when it is known already. */
export interface BatchEffects {
  readonly codecs: Codecs;
  readonly producers?: ProducerStateTable;
  readonly epochs?: LeaderEpochs;
  readonly transactions?: TransactionIndex;
}

/** The same for a batch that is appended and for one that is found at start: recovery is replay. */
export function applyBatch(bytes: Uint8Array, at: number, effects: BatchEffects): void {
  if (effects.epochs !== undefined) {
    const epoch = batchLeaderEpochAt(bytes, at);
    const latest = effects.epochs.latest;
    if (epoch >= 0 && (latest === undefined || epoch > latest.epoch)) effects.epochs.assign(epoch, batchBaseOffsetAt(bytes, at));
  }
  if (effects.producers === undefined || batchProducerIdAt(bytes, at) < 0) return;
  const completed = effects.producers.apply(readBatchHeader(bytes, at), isControlBatchAt(bytes, at) ? markerOf(bytes, at, effects.codecs) : undefined);
  if (completed?.isAborted === true) {
    effects.transactions?.add({ producerId: completed.producerId, firstOffset: completed.firstOffset, lastOffset: completed.lastOffset, lastStableOffset: completed.lastStableOffset });
  }
}

/** A control batch may be empty: the cleaner has emptied it, and its transaction is gone. */
function markerOf(bytes: Uint8Array, at: number, codecs: Codecs): EndTxnMarker | undefined {
  const batch = bytes.subarray(at, at + batchSizeAt(bytes, at));
  for (const record of recordsOf(batch, codecs, { decompressedBytesMax: CONTROL_BYTES_MAX })) return readEndTxnMarker(record);
  return undefined;
}
