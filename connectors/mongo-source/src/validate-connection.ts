import type { ConfigValue, ConnectorConfig } from '@millrace/connect-api';
import type { MongoClient } from 'mongodb';
import { regexListProblem } from './config/regex-list.js';
import { readSettings } from './config/source-settings.js';
import { createClient } from './connection/connect.js';
import { AUTHENTICATION_FAILED, reasonOf, serverCode, UNAUTHORIZED } from './connection/failure.js';

const EXCLUSIVE_LISTS: readonly (readonly [string, string])[] = [
  ['database.include.list', 'database.exclude.list'],
  ['collection.include.list', 'collection.exclude.list'],
];
/** Of old versions of Debezium: their modes are gone. */
const REMOVED_SETTINGS: Readonly<Record<string, string>> = {
  'mongodb.connection.string.shard.params': 'connections to single shards are gone: use mongodb.connection.string alone',
  'mongodb.connection.mode': 'sharded clusters are read through mongos: leave it out',
  'mongodb.hosts': 'use mongodb.connection.string',
  'mongodb.name': 'use topic.prefix',
};

/** Settings that are wrong together, or whose text has a form of its own. */
export function validateTogether(config: ConnectorConfig, values: ConfigValue[]): void {
  const report = (name: string, error: string): unknown => values.find((it) => it.name === name)?.errors.push(error);
  for (const [include, exclude] of EXCLUSIVE_LISTS) {
    if (config[include] && config[exclude]) report(exclude, `The '${exclude}' value is invalid: "${include}" is already specified`);
  }
  if (config['filters.match.mode']?.toLowerCase() !== 'literal') {
    for (const name of [...EXCLUSIVE_LISTS.flat(), 'snapshot.include.collection.list']) {
      const problem = regexListProblem(config[name] ?? '');
      if (problem !== undefined) report(name, `The '${name}' value is invalid: ${problem}`);
    }
  }
  if (config['cursor.oversize.handling.mode']?.toLowerCase() === 'skip' && Number(config['cursor.oversize.skip.threshold'] ?? 0) <= 0) {
    report('cursor.oversize.skip.threshold', 'Invalid threshold value for skipped document size');
  }
  if (config['notification.enabled.channels']?.includes('sink') && !config['notification.sink.topic.name']) {
    report('notification.sink.topic.name', 'Notification topic name must be provided when the channel sink is enabled');
  }
  for (const [name, reason] of Object.entries(REMOVED_SETTINGS)) {
    if (config[name] !== undefined) values.push({ name, value: config[name] ?? null, recommendedValues: [], errors: [`Invalid value for configuration ${name}: ${reason}`], visible: true });
  }
  // A connection string may hold a password.
  const connection = values.find((it) => it.name === 'mongodb.connection.string');
  if (connection) connection.errors = connection.errors.map((it) => it.replace(/\/\/[^@/\s]*@/g, '//***@'));
  if (values.some((it) => it.errors.length > 0)) return;
  try {
    readSettings(config);
  } catch (error) {
    report((error as { key?: string }).key ?? 'topic.prefix', reasonOf(error));
  }
}

/** Connects and looks whether the deployment can do what the settings ask. Each problem goes to the setting at fault. */
export async function validateConnection(config: ConnectorConfig, values: ConfigValue[]): Promise<void> {
  const report = (name: string, error: string): unknown => values.find((it) => it.name === name)?.errors.push(error);
  const settings = readSettings(config);
  const timeoutMs = Math.min(settings.values['connection.validation.timeout.ms'], settings.values['mongodb.server.selection.timeout.ms']);
  let client: MongoClient | undefined;
  try {
    client = createClient(settings, { timeoutMs });
    const hello = await client.db('admin').command({ hello: 1 });
    if (hello.setName === undefined && hello.msg !== 'isdbgrid') {
      report('mongodb.connection.string', 'Change streams need a replica set or a sharded cluster, but the server is neither: start mongod with --replSet and run rs.initiate()');
      return;
    }
    const { target } = settings;
    if (target.database === undefined) await client.db('admin').admin().listDatabases({ nameOnly: true });
    else await client.db(target.database).listCollections({}, { nameOnly: true }).toArray();
    if (settings.values['cursor.oversize.handling.mode'].toLowerCase() === 'split') await checkSplit(client, report);
  } catch (error) {
    const code = serverCode(error);
    if (code === UNAUTHORIZED) report('mongodb.user', `User doesn't have sufficient privileges: ${reasonOf(error)}`);
    else if (code === AUTHENTICATION_FAILED) report('mongodb.password', `Unable to connect: ${reasonOf(error)}`);
    else report('mongodb.connection.string', `Unable to connect: ${reasonOf(error)}`);
  } finally {
    await client?.close().catch(() => undefined);
  }
}

async function checkSplit(client: MongoClient, report: (name: string, error: string) => unknown): Promise<void> {
  const { versionArray } = (await client.db('admin').command({ buildInfo: 1 })) as { versionArray?: number[] };
  const [major = 0, minor = 0, patch = 0] = versionArray ?? [];
  if (major * 1e6 + minor * 1e3 + patch < 6_000_009) report('cursor.oversize.handling.mode', `Splitting large events needs MongoDB 6.0.9 or later; this server is ${major}.${minor}.${patch}`);
}
