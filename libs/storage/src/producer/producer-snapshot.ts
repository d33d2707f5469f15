import { ByteReader, ByteWriter, MalformedBytes, type Crc32c } from '@millrace/foundation';
import type { ProducerState } from './producer-state-table.js';

const VERSION = 1;
const CRC_POSITION = 2;
const ENTRIES_POSITION = 6;
const ENTRY_BYTES = 46;
const SEQUENCES = 2_147_483_648;

/** Kafka's `.snapshot` format. Of each producer only the last batch survives. */
export function encodeProducerSnapshot(states: Iterable<Readonly<ProducerState>>, crc32c: Crc32c): Uint8Array {
  const writer = new ByteWriter(1024);
  writer.int16(VERSION);
  writer.int32(0);
  const countPosition = writer.reserve(4);
  let count = 0;
  for (const state of states) {
    const last = state.batches.at(-1);
    writer.int64(state.producerId);
    writer.int16(state.epoch);
    writer.int32(last?.lastSequence ?? -1);
    writer.int64(last?.lastOffset ?? -1);
    writer.int32(last === undefined ? 0 : last.lastOffset - last.baseOffset);
    writer.int64(state.lastTimestampMs);
    writer.int32(state.coordinatorEpoch);
    writer.int64(state.currentTxnFirstOffset);
    count += 1;
  }
  writer.patchInt32(countPosition, count);
  const bytes = writer.take();
  writer.reset();
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(CRC_POSITION, crc32c(bytes, ENTRIES_POSITION, bytes.length));
  return bytes;
}

/** Throws MalformedBytes for another version, a wrong CRC or a wrong size. */
export function decodeProducerSnapshot(bytes: Uint8Array, crc32c: Crc32c): ProducerState[] {
  const reader = new ByteReader(bytes);
  const version = reader.int16();
  if (version !== VERSION) throw new MalformedBytes(`producer snapshot of version ${version}`);
  if (reader.uint32() !== crc32c(bytes, ENTRIES_POSITION, bytes.length)) throw new MalformedBytes('producer snapshot with a wrong CRC');
  const count = reader.int32();
  reader.expectItems(count, ENTRY_BYTES);
  const states: ProducerState[] = [];
  for (let i = 0; i < count; i++) {
    const producerId = reader.int64();
    const epoch = reader.int16();
    const lastSequence = reader.int32();
    const lastOffset = reader.int64();
    const offsetDelta = reader.int32();
    const lastTimestampMs = reader.int64();
    const coordinatorEpoch = reader.int32();
    const currentTxnFirstOffset = reader.int64();
    const firstSequence = lastSequence < 0 ? -1 : lastSequence >= offsetDelta ? lastSequence - offsetDelta : lastSequence - offsetDelta + SEQUENCES;
    const batches = lastOffset < 0 ? [] : [{ firstSequence, lastSequence, baseOffset: lastOffset - offsetDelta, lastOffset, timestampMs: lastTimestampMs }];
    states.push({ producerId, epoch, coordinatorEpoch, lastTimestampMs, currentTxnFirstOffset, batches });
  }
  return states;
}
