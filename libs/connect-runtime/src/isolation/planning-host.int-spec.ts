import path from 'node:path';
import { SILENT_LOGGER } from '@millrace/foundation';
import { waitFor } from '@millrace/testkit';
import { PlanningHost, type PlannedConnectorEvents } from './planning-host.js';

const CODE = `
exports.plugin = {
  connector: () => ({
    config: () => ({ keys: { a: { kind: 'string', doc: 'A.', importance: 'low', check: () => undefined } } }),
    validate: async (config) => {
      if (config.how === 'spin') for (;;);
      if (config.how === 'exit') process.exit(3);
      return [{ name: 'a', value: config.a ?? null, recommendedValues: [], errors: [], visible: true }];
    },
    start() {},
    taskConfigs: async () => [{ n: '1' }],
    stop() {},
  }),
  task: () => undefined,
};`;

let folder: { readonly path: string; remove(): void };
let host: PlanningHost;
beforeAll(async () => {
  const { temporaryFolder } = await import('@millrace/testkit');
  const { writeFileSync } = await import('node:fs');
  folder = temporaryFolder('planning');
  const entry = path.join(folder.path, 'plugin.cjs');
  writeFileSync(entry, CODE);
  host = new PlanningHost({ class: 'test.Planned', type: 'source', version: undefined, folder: folder.path, entry, exportName: 'plugin', aliases: [], taskClass: '' }, { isThread: true, heapMaxMb: 64, logger: SILENT_LOGGER, blockedAfterMs: 300 });
});
afterAll(async () => {
  await host.close();
  folder.remove();
});

function events(seen: string[]): PlannedConnectorEvents {
  return { logger: SILENT_LOGGER, onReconfigure: () => seen.push('reconfigure'), onError: (error) => seen.push(error.message), onGone: () => seen.push('gone') };
}

describe('the planning thread of a plugin', () => {
  it('answers, with definitions that can be sent', async () => {
    expect(await host.call({ method: 'describe' })).toEqual({ a: { kind: 'string', doc: 'A.', importance: 'low' } });
    expect(await host.call({ method: 'validate', config: { a: 'x' } })).toMatchObject([{ name: 'a', value: 'x' }]);
  });

  it('is ended when a call never lets go of it; the call is refused, and connectors in it are told to begin anew', async () => {
    const seen: string[] = [];
    const connector = host.open('c', events(seen));
    await connector.start({});
    await expect(host.call({ method: 'validate', config: { how: 'spin' } })).rejects.toMatchObject({ code: 'CONNECT_PLANNING_ENDED' });
    await waitFor('it is told', 5000, () => Promise.resolve(seen.length === 1));
    expect(seen).toEqual(['gone']);
    const again = host.open('c', events(seen));
    await again.start({});
    expect(await again.taskConfigs(1)).toEqual([{ n: '1' }]);
    await again.abandon();
  });

  it('keeps no connector of which nothing more is asked', async () => {
    const connector = host.open('c', events([]));
    await connector.start({});
    expect(await connector.taskConfigs(1)).toEqual([{ n: '1' }]);
    await connector.abandon();
    await expect(connector.taskConfigs(1)).rejects.toThrow(/is called after its start/);
  });

  it('that ends by itself fails the connectors in it', async () => {
    const seen: string[] = [];
    await host.open('c', events(seen)).start({});
    await expect(host.call({ method: 'validate', config: { how: 'exit' } })).rejects.toMatchObject({ code: 'CONNECT_PLANNING_EXITED' });
    await waitFor('it is told', 5000, () => Promise.resolve(seen.length === 1));
    expect(seen[0]).toMatch(/ended with exit code 3/);
  });
});
