import { ByteReader, ByteWriter, MalformedBytes, type Crc32c, type Offset, type TimestampMs } from '@millrace/foundation';
import type { ProducerBatch, ProducerState } from './producer-state-table.js';

const VERSION = 1;
const CRC_POSITION = 2;
const ENTRIES_POSITION = 6;
const ENTRY_BYTES = 46;
const EARLIER_BATCH_BYTES = 24;
const SEQUENCES = 2_147_483_648;
/** "MLRB": what follows Kafka's entries. Kafka reads its entries, counts the rest into the CRC and looks no further. */
const EARLIER_BATCHES = 0x4d4c5242;

/**
 * Kafka's `.snapshot` format, in which only the last batch of each producer has a place; the ones before it stand behind Kafka's entries. Without them a batch that is sent again after a
 * restart, not being the last, would be refused as out of order, and an idempotent producer would send it under a new epoch: twice in the log.
 */
export function encodeProducerSnapshot(all: Iterable<Readonly<ProducerState>>, crc32c: Crc32c): Uint8Array {
  const states = [...all];
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
  writeEarlierBatches(writer, states);
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
    const batches = lastOffset < 0 ? [] : [batchOf(lastSequence, lastOffset, offsetDelta, lastTimestampMs)];
    states.push({ producerId, epoch, coordinatorEpoch, lastTimestampMs, currentTxnFirstOffset, batches });
  }
  if (reader.remaining >= 4 && reader.int32() === EARLIER_BATCHES) readEarlierBatches(reader, states);
  return states;
}

/** For each producer, in the order of the entries: how many, then each, oldest first. */
function writeEarlierBatches(writer: ByteWriter, states: readonly Readonly<ProducerState>[]): void {
  writer.int32(EARLIER_BATCHES);
  for (const { batches } of states) {
    const earlier = batches.slice(0, -1);
    writer.int8(earlier.length);
    for (const { lastSequence, lastOffset, baseOffset, timestampMs } of earlier) {
      writer.int32(lastSequence);
      writer.int64(lastOffset);
      writer.int32(lastOffset - baseOffset);
      writer.int64(timestampMs);
    }
  }
}

function readEarlierBatches(reader: ByteReader, states: readonly ProducerState[]): void {
  for (const state of states) {
    const count = reader.int8();
    reader.expectItems(count, EARLIER_BATCH_BYTES);
    const earlier = Array.from({ length: count }, () => batchOf(reader.int32(), reader.int64(), reader.int32(), reader.int64()));
    state.batches = [...earlier, ...state.batches];
  }
}

function batchOf(lastSequence: number, lastOffset: Offset, offsetDelta: number, timestampMs: TimestampMs): ProducerBatch {
  const firstSequence = lastSequence < 0 ? -1 : lastSequence >= offsetDelta ? lastSequence - offsetDelta : lastSequence - offsetDelta + SEQUENCES;
  return { firstSequence, lastSequence, baseOffset: lastOffset - offsetDelta, lastOffset, timestampMs };
}
