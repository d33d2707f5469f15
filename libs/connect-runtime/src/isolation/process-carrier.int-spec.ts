import { runInThisContext } from 'node:vm';
import { SILENT_LOGGER } from '@millrace/foundation';
import { systemClock } from '@millrace/platform';
import { scriptedSpec } from '../../test/scripted-task.js';
import { SourceTask, type SourceRecord } from '@millrace/connect-api';
import { TaskHost } from './task-host.js';
import { TaskThreads } from './task-threads.js';

class NeverRun extends SourceTask {
  start(): void {}
  poll(): Promise<readonly SourceRecord[]> {
    return Promise.resolve([]);
  }
  stop(): void {}
}

// The one that `fork` reads: Jest gives tests a copy.
const real = runInThisContext('process') as NodeJS.Process;
const { execPath } = real;
afterEach(() => {
  real.execPath = execPath;
});

describe('a task process that cannot be spawned', () => {
  it('is FAILED, and stopping it comes back', async () => {
    real.execPath = '/no/such/program';
    let failed: (trace: string) => void = () => undefined;
    const failure = new Promise<string>((resolve) => (failed = resolve));
    const events = { readOffsets: () => Promise.resolve([]), writeOffsets: () => Promise.resolve(), onState: () => undefined, onFailed: (trace: string) => failed(trace), onTopic: () => undefined };
    const host = new TaskHost({ spec: scriptedSpec(new NeverRun(), { type: 'source' }), isolation: 'process', threads: new TaskThreads(1), leaseUntilMs: Infinity, heapMaxMb: 64, events, logger: SILENT_LOGGER, clock: systemClock });
    host.start();
    expect(await failure).toMatch(/ENOENT/);
    expect(host.phase).toBe('FAILED');
    expect(await host.stop(5000)).toBe(true);
  }, 10_000);
});
