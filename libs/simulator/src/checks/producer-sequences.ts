import type { World } from '../world.js';
import type { ObservedBatch } from './log-observer.js';

const LAST_SEQUENCE = 2_147_483_647;

/** Invariants 18, 19, 20: of each producer epochs never go back, and the sequences of an epoch have no gap and no repetition. */
export function checkSequences(world: World, name: string, log: readonly ObservedBatch[]): void {
  const producers = new Map<number, { epoch: number; next: number }>();
  for (const batch of log) {
    if (batch.producerId < 0 || batch.isControl || batch.baseSequence < 0) continue;
    const state = producers.get(batch.producerId);
    const count = batch.lastOffset - batch.baseOffset;
    const last = batch.baseSequence + count;
    const next = last >= LAST_SEQUENCE ? last - LAST_SEQUENCE : last + 1;
    const where = `${name} offset ${batch.baseOffset}: producer ${batch.producerId} epoch ${batch.producerEpoch} sequence ${batch.baseSequence}`;
    if (state !== undefined && batch.producerEpoch < state.epoch) world.breach(20, `${where} comes after epoch ${state.epoch}`);
    else if (state !== undefined && batch.producerEpoch === state.epoch && batch.baseSequence !== state.next) world.breach(batch.baseSequence < state.next ? 18 : 19, `${where}, where ${state.next} is due`);
    else if (state !== undefined && batch.producerEpoch > state.epoch && batch.baseSequence !== 0) world.breach(19, `${where} begins an epoch`);
    producers.set(batch.producerId, { epoch: batch.producerEpoch, next });
  }
}
