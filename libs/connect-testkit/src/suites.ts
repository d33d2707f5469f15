import path from 'node:path';
import type { Check } from './check.js';
import { sinkChecks } from './checks/sink-checks.js';
import { sourceChecks } from './checks/source-checks.js';
import { patienceMs, type SinkDriver, type SourceDriver } from './driver.js';

/** A suite's test of one check may take several patiences: it reads, dies and reads again. */
const PATIENCES_PER_TEST = 10;

/** Registers the acceptance suite of sources as Jest tests. Call it at the top of a spec file, or in a `describe`. */
export function describeSourceConnector(driver: SourceDriver): void {
  describeChecks(driver, sourceChecks);
}

/** Registers the acceptance suite of sinks as Jest tests. */
export function describeSinkConnector(driver: SinkDriver): void {
  describeChecks(driver, sinkChecks);
}

function describeChecks<D extends SourceDriver | SinkDriver>(driver: D, checks: readonly Check<D>[]): void {
  describe(`acceptance of ${path.basename(driver.folder)}`, () => {
    for (const check of checks) {
      const reason = check.notApplicable?.(driver);
      if (reason === undefined) it(check.name, () => check.run(driver), patienceMs(driver) * PATIENCES_PER_TEST);
      else it.skip(`${check.name} (${reason})`, () => undefined);
    }
  });
}
