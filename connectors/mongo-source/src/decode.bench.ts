import type { SourceRecord } from '@millrace/connect-api';
import { CountingWriter } from '@millrace/connect-testkit';
import { BSON, Long, ObjectId, Timestamp } from 'mongodb';
import { readSettings } from './config/source-settings.js';
import { CollectionPlanner } from './records/collection-plan.js';
import { SourceBlock } from './records/source-block.js';
import { ChangeEvent } from './streaming/change-event.js';
import { ChangeRecords } from './streaming/change-records.js';

function event(i: number): Buffer {
  const fullDocument = { _id: new ObjectId(), account: i % 1000, amount: i + 0.5, note: `note number ${i}`, at: new Date(1_800_000_000_000 + i), tags: ['a', 'b'], address: { city: 'Wien', zip: '1010' }, total: Long.fromNumber(i) };
  return Buffer.from(
    BSON.serialize({
      _id: { _data: `8265${i.toString(16).padStart(80, '0')}` },
      operationType: 'update',
      clusterTime: new Timestamp({ t: 1_800_000_000, i }),
      wallTime: new Date(1_800_000_000_000),
      fullDocument,
      ns: { db: 'shop', coll: 'orders' },
      documentKey: { _id: fullDocument._id },
      updateDescription: { updatedFields: { amount: i + 0.5, note: `note number ${i}` }, removedFields: [], truncatedArrays: [] },
    }),
  );
}

/** Change events per second of one core: locating fields, key and envelope, and what `JSON.stringify` of driver objects would take. */
export function decodeRate(events = 500_000): { eventsPerSecond: number; microsPerEvent: number; objectsMicrosPerEvent: number } {
  const settings = readSettings({ 'mongodb.connection.string': 'mongodb://h', 'topic.prefix': 'bench' });
  const maker = new ChangeRecords({ settings, planner: new CollectionPlanner(settings, new SourceBlock('v', 'bench')), partition: {}, headers: [], position: undefined });
  const batch = Array.from({ length: 1000 }, (_, i) => event(i));
  const writer = new CountingWriter();
  const records: SourceRecord[] = [];
  let cpu = process.cpuUsage();
  for (let i = 0; i < events; i++) {
    maker.add(new ChangeEvent(batch[i % 1000]!, 0), 1_800_000_000_000, records);
    if (records.length < 2048) continue;
    for (const it of records) writer.take(it);
    records.length = 0;
  }
  const ours = process.cpuUsage(cpu);
  const micros = (ours.user + ours.system) / events;
  cpu = process.cpuUsage();
  let length = 0;
  for (let i = 0; i < events / 10; i++) {
    const it = BSON.deserialize(batch[i % 1000]!);
    length += BSON.EJSON.stringify(it.fullDocument as BSON.Document, { relaxed: false }).length + BSON.EJSON.stringify((it.updateDescription as BSON.Document).updatedFields as BSON.Document).length;
  }
  const objects = process.cpuUsage(cpu);
  if (length === 0 || writer.rangeBytes === 0) throw new Error('nothing was written');
  return { eventsPerSecond: Math.round(1e6 / micros), microsPerEvent: micros, objectsMicrosPerEvent: (objects.user + objects.system) / (events / 10) };
}

if (require.main === module) {
  decodeRate(100_000);
  const { eventsPerSecond, microsPerEvent, objectsMicrosPerEvent } = decodeRate();
  process.stdout.write(`${eventsPerSecond} events/s of one core, ${microsPerEvent.toFixed(2)} us an event; driver objects and EJSON: ${objectsMicrosPerEvent.toFixed(2)} us\n`);
}
