import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { SILENT_LOGGER } from '@millrace/foundation';
import { temporaryFolder, waitFor } from '@millrace/testkit';
import { Secrets } from '../config-providers/secrets.js';
import type { PluginDescriptor } from '../plugins/plugin-descriptor.js';
import { ConnectorRunner } from './connector-runner.js';
import { Planning } from './planning-calls.js';
import { StartupTotals } from './startup-totals.js';

/** `start` of a bad config takes a moment to say so; an instance whose config says `loud` raises an error while it is asked to stop. */
const CODE = `
exports.plugin = {
  connector: () => {
    let context, config;
    return {
      config: () => ({ keys: {} }),
      async start(given, settings) {
        context = given;
        config = settings;
        if (config.how !== 'bad') return;
        await new Promise((resolve) => setTimeout(resolve, 100));
        throw Object.assign(new Error('bad config'), { code: 'CONNECT_CONFIG' });
      },
      taskConfigs: async () => [],
      stop() {
        if (config.how === 'loud') context.raiseError(new Error('of the old one'));
      },
    };
  },
  task: () => undefined,
};`;

const folder = temporaryFolder('runner');
const planning = new Planning({ isThread: true, heapMaxMb: 64, logger: SILENT_LOGGER });
const plugin: PluginDescriptor = { class: 'test.Run', type: 'source', version: undefined, folder: folder.path, entry: path.join(folder.path, 'plugin.cjs'), exportName: 'plugin', aliases: [], taskClass: '' };
beforeAll(() => writeFileSync(plugin.entry, CODE));
afterAll(async () => {
  await planning.close();
  folder.remove();
});

function runner(seen: string[], published: string[]): ConnectorRunner {
  return new ConnectorRunner({
    name: 'c',
    planning,
    resolve: (config) => ({ config, secrets: new Secrets() }),
    findPlugin: () => plugin,
    publishTasks: () => Promise.resolve(void published.push('tasks')),
    onState: (state, trace) => void seen.push(trace === null ? state : `${state} ${trace.includes('bad config') ? 'bad config' : trace}`),
    restartPolicy: () => ({ attemptsMax: 0, backoffMs: 1, backoffMaxMs: 1, windowMs: 1 }),
    startups: new StartupTotals(),
    clock: { nowMs: () => Date.now(), monotonicMs: () => performance.now() },
    logger: SILENT_LOGGER,
  });
}

describe('a connector on its worker', () => {
  it('is started with the mended config that came while the bad one was still failing', async () => {
    const seen: string[] = [];
    const it = runner(seen, []);
    it.want({ how: 'bad' }, 'STARTED');
    await Promise.resolve();
    it.want({ how: 'good' }, 'STARTED');
    await waitFor('it runs', 5000, () => Promise.resolve(seen.includes('RUNNING')));
    expect(seen).toEqual(['FAILED bad config', 'RUNNING']);
    await it.stop(false, 1000);
  });

  it('does not fail because of what the instance before it raised', async () => {
    const seen: string[] = [];
    const published: string[] = [];
    const it = runner(seen, published);
    it.want({ how: 'loud' }, 'STARTED');
    await waitFor('it runs', 5000, () => Promise.resolve(published.length === 1));
    it.want({ how: 'good' }, 'STARTED');
    await waitFor('it runs with the new config', 5000, () => Promise.resolve(published.length === 2));
    it.reconfigure();
    await waitFor('what was raised is past', 5000, () => Promise.resolve(published.length === 3 || seen.some((state) => state.startsWith('FAILED'))));
    // Each instance says that it runs: its version may be another one.
    expect(seen).toEqual(['RUNNING', 'RUNNING']);
    await it.stop(false, 1000);
  });
});
