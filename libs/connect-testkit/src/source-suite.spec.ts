import { LEAKED_TIMERS, memorySource, type SourceFault } from '../test/memory-source.js';
import { CheckFailure, describeSourceConnector, sourceChecks } from './index.js';

describeSourceConnector(memorySource());

/** The check that must see each fault, and what it must say. */
const FAULTS: readonly (readonly [SourceFault, string, RegExp])[] = [
  ['no-doc', 'describes each setting and has defaults that it accepts', /more has no doc/],
  ['no-required-error', 'names each required setting that is missing', /topic is required/],
  ['refuses-unknown', 'tolerates a setting that it does not know', /refuses an unknown setting/],
  ['shows-secret', 'shows no secret', /secret is shown/],
  ['logs-secret', 'shows no secret', /secret is shown/],
  ['validate-writes', 'validates without side effects', /changed the outside world/],
  ['leaks-timer', 'starts and stops many times without holding on to anything', /Timeout: \d+ before, \d+ after/],
  ['disorder', 'hands over everything, in order within each source partition', /item \d+ came after item \d+/],
  ['wrong-schema', 'hands over everything, in order within each source partition', /a string for a struct/],
  ['nested-offset', 'has offsets that are flat, stable and exact', /more is a object/],
  ['unsafe-offset', 'has offsets that are flat, stable and exact', /rate is NaN/],
  ['unstable-partition', 'has offsets that are flat, stable and exact', /its bytes are its identity/],
  ['loses-on-resume', 'goes on without a gap from each offset that may be stored', /1 of \d+ items did not come/],
  ['loses-on-resume', 'survives death at any moment without a gap', /items did not come/],
  ['loses-on-resume', 'goes on where it was stopped', /items did not come/],
  ['forgets-uncommitted', 'forgets at the source only what is committed', /items did not come/],
  ['never-idle', 'comes back from poll although there is nothing to read', /took longer than 800 ms/],
  ['ignores-abort', 'comes back from poll when it is aborted', /took longer than 600 ms/],
  ['ignores-abort', 'stops within the grace time while it reads', /took longer than 800 ms/],
  ['takes-any-signal', 'refuses a signal that it does not know, and goes on', /refused with a ConfigError/],
  ['bad-lag', 'tells its lag in numbers, or not at all', /lag\(\)\.bytes is NaN/],
  ['unbounded-poll', 'returns no more from a poll than it may', /a poll returned \d+ records/],
  ['reads-ahead', 'does not read on while nobody polls', /items were read and not handed over/],
  ['too-many-tasks', 'plans its tasks by the config alone, and no more than allowed', /answers 2 tasks/],
  ['random-plan', 'plans its tasks by the config alone, and no more than allowed', /differently the second time/],
  ['overlapping-tasks', 'shares the work out to its tasks without overlap', /was read by the tasks 0 and 1/],
  ['forgets-on-shrink', 'loses nothing when the number of tasks changes', /items did not come/],
  ['fatal-outage', 'lives through an outage', /gone/],
  ['ignores-abort', 'stops within the grace time during an outage', /took longer than 800 ms/],
  ['repeats-on-resume', 'keeps what it says of exactly-once support', /handed over again/],
];

describe('the acceptance suite of sources', () => {
  afterAll(() => LEAKED_TIMERS.forEach((it) => clearInterval(it)));

  it.each(FAULTS)('sees the fault %s by "%s"', async (fault, name, message) => {
    await expect(sourceChecks.find((it) => it.name === name)?.run(memorySource(fault))).rejects.toThrow(message);
  });

  it('has no check that nothing makes fail', () => {
    const seen = new Set(FAULTS.map(([, name]) => name));
    // These two are about files and settings, and have specs of their own.
    const others = ['its package is complete', 'accepts the valid config'];
    expect(sourceChecks.map((it) => it.name).filter((it) => !seen.has(it) && !others.includes(it))).toEqual([]);
  });

  it('says why a check does not apply', () => {
    const { outage: _outage, taken: _taken, ...bare } = memorySource();
    expect(sourceChecks.flatMap((it) => it.notApplicable?.(bare) ?? [])).toEqual(['the driver cannot see what was taken', 'the driver makes no outage', 'the driver makes no outage']);
  });

  it('refuses a config of the driver that the connector refuses', async () => {
    const driver = { ...memorySource(), open: async () => Promise.resolve({}) };
    await expect(sourceChecks.find((it) => it.name === 'accepts the valid config')?.run(driver)).rejects.toThrow(CheckFailure);
  });
});
