import fs from 'node:fs';
import path from 'node:path';
import type { SourceRecord } from '@millrace/connect-api';
import { MongoDouble } from '@millrace/mongo-double';
import { MongoClient } from 'mongodb';
import { FENCE, fence, load, run, RUNS, type Operation } from '../test/operation-script.cjs';
import { shapeRecord, type Shape, type Recording } from '../test/recorded-shape.cjs';
import { renderRecord, SourceTaskDriver } from '@millrace/connect-testkit';
import { MongoSourceTask } from './mongo-source-task.js';

/** What Debezium 3.6.1 made of operations.json on the double, by Java's JsonConverter. Clocks and tokens are `*`; test/record-debezium.mjs records it again. */
const recorded = JSON.parse(fs.readFileSync(path.resolve(__dirname, '../test/debezium-3.6.1.json'), 'utf8')) as Record<string, Recording>;
const script = load();

describe('records compared with those of Debezium', () => {
  it('are of a script that is long enough', () => {
    expect(script.before.length + script.after.length).toBeGreaterThanOrEqual(150);
    expect(Object.keys(recorded)).toEqual(Object.keys(RUNS));
  });

  describe.each(Object.keys(RUNS))('settings: %s', (name) => {
    let ours: Shape[];
    const theirs = expanded(recorded[name]!);

    beforeAll(async () => {
      ours = await runScript(RUNS[name]!);
    }, 60_000);

    it('are as many, in the same topics and order', () => {
      expect(ours.map((it) => [it.topic, it.key])).toEqual(theirs.map((it) => [it.topic, it.key]));
    });

    it('have the same values', () => {
      expect(ours.map((it) => it.value)).toEqual(theirs.map((it) => it.value));
    });

    it('have the same schemas', () => {
      expect(ours.map((it) => it.keySchema)).toEqual(theirs.map((it) => it.keySchema));
      expect(ours.map((it) => it.valueSchema)).toEqual(theirs.map((it) => it.valueSchema));
    });

    it('have the same headers, partitions and offsets', () => {
      expect(ours.map((it) => it.headers)).toEqual(theirs.map((it) => it.headers));
      expect(ours.map((it) => it.partition)).toEqual(theirs.map((it) => it.partition));
      // The offset of a delete with a tombstone is that of the event before it (README, invariant 4): its form may be of another kind.
      const compared = (shapes: Shape[]): unknown[] => shapes.map((it) => (it.value?.op === 'd' && RUNS[name]!['tombstones.on.delete'] !== 'false' ? 'before' : it.offset));
      expect(compared(ours)).toEqual(compared(theirs));
    });
  });
});

async function runScript(settings: Readonly<Record<string, string>>): Promise<Shape[]> {
  const double = await MongoDouble.start();
  const client = await MongoClient.connect(double.url);
  try {
    for (const it of script.before) await run(client, it);
    const config = { 'topic.prefix': 'ref', 'mongodb.connection.string': double.url, 'poll.interval.ms': '20', ...settings };
    const driver = await new SourceTaskDriver({ task: new MongoSourceTask(), config }).start();
    const found: Shape[] = [];
    let number = 1_000_000;
    const isFence = (it: Shape): boolean => it.topic.endsWith(FENCE.collection);
    const keep = (records: readonly SourceRecord[]): void => {
      for (const it of records) found.push(shapeRecord({ ...renderRecord(it), partition: it.sourcePartition, offset: it.sourceOffset }));
    };
    const pass = async (deadlineMs: number): Promise<boolean> => {
      number += 1;
      await fence(client, number);
      const end = Date.now() + deadlineMs;
      while (Date.now() < end) {
        keep(await driver.poll());
        if (found.some((it) => isFence(it) && it.key?.id === String(number))) return true;
      }
      return false;
    };
    if (settings['snapshot.mode'] === 'no_data') while (!(await pass(300)));
    else while (!found.some((it) => it.value?.source?.snapshot === 'last')) keep(await driver.poll());
    for (const it of script.after) {
      await run(client, it as Operation);
      if (!(await pass(10_000))) throw new Error(`nothing came behind ${JSON.stringify(it)}`);
    }
    await driver.stop();
    return found.filter((it) => !isFence(it));
  } finally {
    await client.close();
    await double.close();
  }
}

function expanded({ schemas, records }: Recording): Shape[] {
  const at = (index: number | null): unknown => (index === null ? null : schemas[index]);
  return records.map(({ schemas: [key, value], ...rest }) => ({ ...rest, keySchema: at(key), valueSchema: at(value) }));
}
