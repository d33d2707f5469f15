import { BsonType, fieldsOf, isTrue, textOf, type Plain, type RawDocument, type RawValue } from '../bson/raw-value.js';
import { compileMatch } from '../query/matcher.js';
import { parseDocument, toRaw } from '../bson/raw-value.js';
import { badValue, notBuilt, ServerError } from '../server-error.js';
import { newUuid } from '../store/catalog.js';
import type { Answer, CommandContext } from './command.js';

export function listDatabases({ command, workspace }: CommandContext): Answer {
  const filter = fieldsOf(command.get('filter'));
  const matches = filter ? compileMatch(filter) : () => true;
  const names = ['admin', 'config', 'local', ...workspace.catalog.databases.keys()];
  const isNamesOnly = isTrue(command.get('nameOnly'));
  const shown = names.sort().map((name) => ({ name, ...(isNamesOnly ? {} : { sizeOnDisk: 8192, empty: false }) }));
  return { databases: shown.filter((it) => matches(parseDocument(Buffer.from(toRaw(it).bytes)))), totalSize: isNamesOnly ? undefined : 8192 * names.length };
}

export function listCollections({ command, workspace, database, cursors }: CommandContext): Answer {
  const filter = fieldsOf(command.get('filter'));
  const matches = filter ? compileMatch(filter) : () => true;
  const isNamesOnly = isTrue(command.get('nameOnly'));
  const documents = [...(workspace.catalog.databases.get(database)?.values() ?? [])].map((it) => {
    const options: { [name: string]: Plain } = it.hasImages ? { changeStreamPreAndPostImages: { enabled: true } } : {};
    const details: { [name: string]: Plain } = isNamesOnly ? {} : { options, info: { readOnly: false, uuid: uuidValue(it.uuid) }, idIndex: { v: 2, key: { _id: 1 }, name: '_id_' } };
    return Buffer.from(toRaw({ name: it.name, type: 'collection', ...details }).bytes);
  });
  return { cursor: cursors.start(`${database}.$cmd.listCollections`, { documents: documents.filter((it) => matches(parseDocument(it))) }, undefined) };
}

function uuidValue(uuid: Buffer): RawValue {
  const bytes = Buffer.alloc(21);
  bytes.writeInt32LE(16, 0);
  bytes[4] = 4;
  uuid.copy(bytes, 5);
  return { type: BsonType.binary, bytes };
}

export function create({ command, workspace, database }: CommandContext): Answer {
  const collection = textOf(command.get('create'))!;
  const unknown = ['capped', 'timeseries', 'viewOn', 'clusteredIndex', 'validator'].find((it) => isTrue(command.get(it)) || command.get(it)?.type === BsonType.document);
  if (unknown !== undefined) throw notBuilt(`${unknown} of create`);
  if (workspace.catalog.collection(database, collection)) throw new ServerError(48, 'NamespaceExists', `Collection ${database}.${collection} already exists.`);
  workspace.record({ kind: 'create', database, collection, uuid: newUuid(), hasImages: imagesOf(command) ?? false });
  return {};
}

export function collMod({ command, workspace, database }: CommandContext): Answer {
  const collection = textOf(command.get('collMod'))!;
  const hasImages = imagesOf(command);
  if (hasImages === undefined) throw notBuilt('collMod without changeStreamPreAndPostImages');
  existing(workspace.catalog.collection(database, collection), `${database}.${collection}`);
  workspace.record({ kind: 'modify', database, collection, hasImages });
  return {};
}

function imagesOf(command: RawDocument): boolean | undefined {
  const images = fieldsOf(command.get('changeStreamPreAndPostImages'));
  return images && isTrue(images.get('enabled'));
}

export function drop({ command, workspace, database }: CommandContext): Answer {
  const collection = textOf(command.get('drop'))!;
  if (!workspace.catalog.collection(database, collection)) return {};
  workspace.record({ kind: 'drop', database, collection });
  return { nIndexesWas: 1, ns: `${database}.${collection}` };
}

export function renameCollection({ command, workspace }: CommandContext): Answer {
  const [from, to] = [textOf(command.get('renameCollection')), textOf(command.get('to'))].map(namespaceOf);
  existing(workspace.catalog.collection(from!.database, from!.collection), `${from!.database}.${from!.collection}`);
  if (workspace.catalog.collection(to!.database, to!.collection)) {
    if (!isTrue(command.get('dropTarget'))) throw new ServerError(48, 'NamespaceExists', 'target namespace exists');
    workspace.record({ kind: 'drop', ...to! });
  }
  workspace.record({ kind: 'rename', ...from!, toDatabase: to!.database, toCollection: to!.collection });
  return {};
}

function namespaceOf(text: string | undefined): { readonly database: string; readonly collection: string } {
  const at = text?.indexOf('.') ?? -1;
  if (text === undefined || at <= 0) throw badValue('Invalid namespace specified');
  return { database: text.slice(0, at), collection: text.slice(at + 1) };
}

export function dropDatabase({ workspace, database }: CommandContext): Answer {
  const collections = [...(workspace.catalog.databases.get(database)?.keys() ?? [])];
  for (const collection of collections) workspace.record({ kind: 'drop', database, collection });
  if (collections.length > 0) workspace.record({ kind: 'dropDatabase', database });
  return { dropped: database };
}

/** Indexes are taken and not made: every query here is a scan. */
export function createIndexes({ command, workspace, database }: CommandContext): Answer {
  const collection = textOf(command.get('createIndexes'))!;
  if (!workspace.catalog.collection(database, collection)) workspace.record({ kind: 'create', database, collection, uuid: newUuid(), hasImages: false });
  return { numIndexesBefore: 1, numIndexesAfter: 2, createdCollectionAutomatically: false };
}

/** An entry in the log that no stream shows: time goes on, as on a server that is quiet. */
export function appendOplogNote({ workspace, database }: CommandContext): Answer {
  workspace.record({ kind: 'noop', database });
  return {};
}

/** The double is a replica set from the start; MongoDB answers so when it is one already. */
export function replSetInitiate(): Answer {
  throw new ServerError(23, 'AlreadyInitialized', 'already initialized');
}

function existing(found: unknown, namespace: string): void {
  if (found === undefined) throw new ServerError(26, 'NamespaceNotFound', `ns not found: ${namespace}`);
}
