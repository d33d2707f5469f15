import { memorySink, type SinkFault } from '../test/memory-sink.js';
import { describeSinkConnector, sinkChecks } from './index.js';

describeSinkConnector(memorySink());

/** The check that must see each fault, and what it must say. */
const FAULTS: readonly (readonly [SinkFault, string, RegExp])[] = [
  ['no-tasks', 'plans its tasks by the config alone, and no more than allowed', /taskConfigs\(1\) answers 0 tasks/],
  ['stops-slowly', 'stops within the grace time while it writes', /took longer than 800 ms/],
  ['loses-some', 'stores every record', /2 of 60 items|6 of 60 items/],
  ['disorder', 'keeps the order of a partition', /is stored behind/],
  ['repeats', 'stores records again that come again, or knows them', /stored more than once/],
  ['commits-early', 'commits nothing that is not durable', /are not stored/],
  ['overcommits', 'commits nothing that is not durable', /not asked for: accepted-0: \d+, but \d+ is the end/],
  ['forgets-on-close', 'begins again when its partitions were lost before a commit', /are not stored/],
  ['closes-all', 'loses nothing when partitions change hands', /stored more than once/],
  ['commits-early', 'survives death at any moment', /are not stored/],
  ['seeks-not', 'stores each record exactly once, wherever it dies and however far back it begins', /claims exactly once/],
  ['reports-nothing', 'reports exactly the bad record of a batch', /reported were: none/],
  ['reports-whole-batch', 'reports exactly the bad record of a batch', /reported were: 5, 6/],
  ['reports-nothing', 'fails when a bad record is not tolerated', /neither stored nor reported/],
  ['fails-on-tombstone', 'takes tombstones', /no value/],
  ['keeps-deleted', 'takes tombstones', /is still there/],
  ['fails-on-change', 'takes a schema that changes in the middle of a batch', /not the first schema/],
  ['fails-on-large', 'takes a very large record', /not the first schema/],
  ['fatal-outage', 'lives through an outage', /gone/],
  ['drops-on-retry', 'lives through an outage', /are not stored/],
  ['ignores-abort', 'stops within the grace time during an outage, and commits nothing that it could not write', /took longer than 800 ms/],
];

describe('the acceptance suite of sinks', () => {
  it.each(FAULTS)('sees the fault %s by "%s"', async (fault, name, message) => {
    await expect(sinkChecks.find((it) => it.name === name)?.run(memorySink(fault))).rejects.toThrow(message);
  });

  it('has no check of its own that nothing makes fail', () => {
    const seen = new Set(FAULTS.map(([, name]) => name));
    const firstOwn = sinkChecks.findIndex((it) => it.name.startsWith('plans its tasks'));
    expect(sinkChecks.slice(firstOwn).filter((it) => !seen.has(it.name)).map((it) => it.name)).toEqual([]);
  });
});
