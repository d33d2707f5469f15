import type { MongoClient } from 'mongodb';
import type { SourceSettings } from '../config/source-settings.js';

export interface Namespace {
  readonly database: string;
  readonly collection: string;
}

/** The captured collections that are there, by the name of the collection, as Debezium reads them. Views and system collections are left out. */
export async function capturedCollections(client: MongoClient, settings: SourceSettings): Promise<Namespace[]> {
  const { target, filter } = settings;
  if (target.database !== undefined && target.collection !== undefined) {
    return filter.includes(target.database, target.collection) ? [{ database: target.database, collection: target.collection }] : [];
  }
  const databases = target.database === undefined ? (await client.db('admin').admin().listDatabases({ nameOnly: true })).databases.map((it) => it.name) : [target.database];
  const found: Namespace[] = [];
  for (const database of databases.filter((it) => filter.includesDatabase(it))) {
    const collections = await client.db(database).listCollections({}, { nameOnly: true }).toArray();
    for (const { name, type } of collections) {
      if (type !== 'view' && !name.startsWith('system.') && filter.includes(database, name)) found.push({ database, collection: name });
    }
  }
  const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
  return found.sort((a, b) => order(a.collection, b.collection) || order(a.database, b.database));
}
