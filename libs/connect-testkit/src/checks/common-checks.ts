import { inspect } from 'node:util';
import { parseConfigText, PASSWORD_MASK, type AnyConfigDef, type Connector, type ConnectorConfig, type ConfigValue, type SinkPlugin, type SinkTask, type SourcePlugin, type SourceTask } from '@millrace/connect-api';
import { ensure, messageOf, type Check } from '../check.js';
import { patienceMs, type ConnectorDriver } from '../driver.js';
import { grownSince, heldResources } from '../harness/held-resources.js';
import type { LogCollector } from '../harness/log-collector.js';
import { within } from '../harness/within.js';
import { ensurePackage } from './package-check.js';

type AnyDriver = ConnectorDriver<SourcePlugin | SinkPlugin, SourceTask | SinkTask>;

interface World {
  readonly config: ConnectorConfig;
  readonly logger: LogCollector;
  exercise(config?: ConnectorConfig, interrupted?: boolean): Promise<void>;
}

/** How a kind of connector is put through its life. */
export interface Kind<D> {
  readonly type: 'source' | 'sink';
  use(driver: D, check: (world: World) => Promise<void>): Promise<void>;
}

const UNKNOWN_KEY = 'an.unknown.setting';
const CYCLES_TO_WARM_UP = 3;
const CLOSING_MS = 3000;

/** What holds for sources and sinks alike. */
export function commonChecks<D extends AnyDriver>(kind: Kind<D>): Check<D>[] {
  const inWorld = (name: string, check: (driver: D, world: World, connector: Connector) => Promise<void>): Check<D> => ({
    name,
    run: (driver) => kind.use(driver, (world) => check(driver, world, driver.plugin.connector())),
  });
  return [
    { name: 'its package is complete', run: async (driver) => Promise.resolve(ensurePackage(driver.folder, kind.type)) },
    inWorld('describes each setting and has defaults that it accepts', async (_driver, _world, connector) => Promise.resolve(ensureDescribed(connector.config()))),
    inWorld('accepts the valid config', async (driver, world, connector) => {
      const errors = errorsOf(await validate(driver, connector, world.config));
      ensure(errors.length === 0, () => `the driver's own config is refused: ${errors.join('; ')}`);
    }),
    inWorld('names each required setting that is missing', ensureRequired),
    inWorld('tolerates a setting that it does not know', async (driver, world, connector) => {
      const config = { ...world.config, [UNKNOWN_KEY]: 'anything' };
      const errors = errorsOf(await validate(driver, connector, config));
      ensure(errors.length === 0, () => `validate refuses an unknown setting: ${errors.join('; ')}`);
      await world.exercise(config);
    }),
    inWorld('shows no secret', ensureSecrets),
    inWorld('validates without side effects', ensureNoSideEffects),
    inWorld('starts and stops many times without holding on to anything', ensureNoLeaks),
  ];
}

async function validate(driver: AnyDriver, connector: Connector, config: ConnectorConfig): Promise<ConfigValue[]> {
  return within(Promise.resolve(connector.validate(Object.freeze({ ...config }))), patienceMs(driver), 'validate');
}

function errorsOf(values: readonly ConfigValue[]): string[] {
  return values.flatMap((it) => it.errors.map((error) => `${it.name}: ${error}`));
}

function ensureDescribed(definition: AnyConfigDef): void {
  const problems: string[] = [];
  for (const [name, key] of Object.entries(definition.keys)) {
    if (key.doc.trim() === '') problems.push(`${name} has no doc`);
    if (typeof key.default !== 'string') continue;
    const { problem } = parseConfigText(key.kind, key.default);
    const [error] = problem === undefined ? (definition.validate({ [name]: key.default }).find((it) => it.name === name)?.errors ?? []) : [problem];
    if (error !== undefined) problems.push(`the default of ${name} is refused: ${error}`);
    if (key.kind === 'password' && key.default !== '') problems.push(`${name} is a secret with a default`);
  }
  ensure(problems.length === 0, problems.join('\n'));
}

async function ensureRequired(driver: AnyDriver, world: World, connector: Connector): Promise<void> {
  for (const [name, key] of Object.entries(connector.config().keys)) {
    if (key.default !== undefined) continue;
    const { [name]: _missing, ...rest } = world.config;
    const values = await validate(driver, connector, rest);
    const errors = values.find((it) => it.name === name)?.errors ?? [];
    ensure(errors.length > 0, `${name} is required, but validate has no error at it when it is missing`);
  }
}

/** Wrong secrets make things fail, and failures talk. */
async function ensureSecrets(driver: AnyDriver, world: World, connector: Connector): Promise<void> {
  const names = Object.entries(connector.config().keys).flatMap(([name, key]) => (key.kind === 'password' ? [name] : []));
  const said: string[] = [];
  const secrets = new Map<string, string>();
  for (const [name, secret] of names.map((it) => [it, world.config[it]] as const)) if (secret !== undefined && secret.length >= 4) secrets.set(secret, name);
  const listen = async (what: () => Promise<unknown>): Promise<void> => {
    try {
      said.push(inspect(await within(what(), patienceMs(driver), 'a start with a wrong secret'), { depth: 8 }));
    } catch (error) {
      said.push(inspect(error, { depth: 8, showHidden: true }), messageOf(error));
    }
  };
  await listen(() => world.exercise());
  for (const [i, name] of names.entries()) {
    const secret = `wrong-Secret+${i}/${name}`;
    secrets.set(secret, name);
    const config = { ...world.config, [name]: secret };
    await listen(async () => {
      const values = await validate(driver, connector, config);
      const own = values.find((it) => it.name === name);
      ensure(own === undefined || own.value === PASSWORD_MASK || own.value === null, `validate answers the value of ${name} unmasked`);
      return JSON.stringify(values);
    });
    await listen(() => world.exercise(config, true));
  }
  const text = [...said, world.logger.text()].join('\n');
  for (const [secret, name] of secrets) {
    const place = text.indexOf(secret);
    ensure(place < 0, () => `the value of ${name} is shown: …${text.slice(Math.max(0, place - 120), place)}<here>`);
  }
}

async function ensureNoSideEffects(driver: AnyDriver, world: World, connector: Connector): Promise<void> {
  const resources = heldResources();
  const before = await driver.fingerprint?.();
  const first = await validate(driver, connector, world.config);
  const second = await validate(driver, driver.plugin.connector(), world.config);
  ensure(JSON.stringify(first) === JSON.stringify(second), 'validate answers differently the second time');
  const after = await driver.fingerprint?.();
  ensure(before === after, () => `validate changed the outside world: ${before} became ${after}`);
  const grown = await grownSince(resources, CLOSING_MS);
  ensure(grown.length === 0, () => `validate holds on to something: ${grown.join('; ')}`);
  await world.exercise();
}

async function ensureNoLeaks(driver: AnyDriver, world: World): Promise<void> {
  const cycle = async (i: number): Promise<void> => world.exercise(world.config, i % 2 === 1);
  for (let i = 0; i < CYCLES_TO_WARM_UP; i++) await cycle(i);
  await grownSince(new Map(), 50);
  const before = heldResources();
  const cycles = driver.cycles ?? 30;
  for (let i = 0; i < cycles; i++) await cycle(i);
  const grown = await grownSince(before, CLOSING_MS);
  ensure(grown.length === 0, () => `after ${cycles} starts and stops it holds on to more than before: ${grown.join('; ')}`);
}
