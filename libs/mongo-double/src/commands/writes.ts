import { ObjectId } from 'bson';
import { identityText } from '../bson/order.js';
import { BsonType, documentValue, encodeDocument, fieldsOf, isTrue, itemsOf, numberOf, parseDocument, textOf, toRaw, type Plain, type RawDocument, type RawValue } from '../bson/raw-value.js';
import { compileMatch } from '../query/matcher.js';
import { badValue, ServerError } from '../server-error.js';
import { idOf, type Collection } from '../store/catalog.js';
import { areSame, describeUpdate } from '../store/difference.js';
import { compileUpdate } from '../store/update.js';
import { collectionFor, type Workspace } from '../store/workspace.js';
import type { Answer, CommandContext } from './command.js';

const DOCUMENT_BYTES_MAX = 16 * 1024 * 1024;

export function insert({ command, database, workspace }: CommandContext): Answer {
  const collection = collectionFor(workspace, database, nameOf(command, 'insert'));
  return eachStatement(itemsOf(command.get('documents')), command, (document) => {
    insertDocument(workspace, database, collection.name, document.bytes);
    return { n: 1 };
  });
}

export function update({ command, database, workspace }: CommandContext): Answer {
  const name = nameOf(command, 'update');
  const upserted: Plain[] = [];
  const answer = eachStatement(itemsOf(command.get('updates')), command, (statement, index) => {
    const fields = fieldsOf(statement)!;
    const done = updateDocuments(workspace, database, name, { query: fieldsOf(fields.get('q'))!, update: fields.get('u')!, isMulti: isTrue(fields.get('multi')), isUpsert: isTrue(fields.get('upsert')) });
    if (done.upsertedId) upserted.push({ index, _id: done.upsertedId });
    return { n: done.matched, nModified: done.modified };
  });
  return { ...answer, nModified: answer.nModified ?? 0, upserted: upserted.length > 0 ? upserted : undefined };
}

export function deleteDocuments({ command, database, workspace }: CommandContext): Answer {
  const name = nameOf(command, 'delete');
  return eachStatement(itemsOf(command.get('deletes')), command, (statement) => {
    const fields = fieldsOf(statement)!;
    const matches = compileMatch(fieldsOf(fields.get('q'))!);
    const collection = workspace.catalog.collection(database, name);
    const found = matching(collection, matches, numberOf(fields.get('limit')) === 1 ? 1 : undefined);
    for (const before of found) workspace.record({ kind: 'delete', database, collection: name, before, hasImages: collection!.hasImages });
    return { n: found.length };
  });
}

export function findAndModify({ command, database, workspace }: CommandContext): Answer {
  const name = nameOf(command, command.has('findAndModify') ? 'findAndModify' : 'findandmodify');
  const query = fieldsOf(command.get('query')) ?? new Map();
  const collection = workspace.catalog.collection(database, name);
  const [before] = matching(collection, compileMatch(query), 1);
  if (isTrue(command.get('remove'))) {
    if (before) workspace.record({ kind: 'delete', database, collection: name, before, hasImages: collection!.hasImages });
    return { lastErrorObject: { n: before ? 1 : 0 }, value: before ? documentValue(before) : null };
  }
  const update = command.get('update');
  if (!update) throw badValue('Either an update or remove=true must be specified');
  const done = updateDocuments(workspace, database, name, { query, update, isMulti: false, isUpsert: isTrue(command.get('upsert')) });
  const id = before ? idOf(before) : done.upsertedId;
  const after = id && workspace.catalog.collection(database, name)?.documents.get(identityText(id));
  const value = isTrue(command.get('new')) ? after : before;
  return { lastErrorObject: { n: done.matched, updatedExisting: before !== undefined, upserted: done.upsertedId }, value: value ? documentValue(value) : null };
}

function insertDocument(workspace: Workspace, database: string, collection: string, bytes: Buffer): void {
  const fields = parseDocument(bytes);
  const id = fields.get('_id');
  const document = id ? Buffer.from(bytes) : encodeDocument(new Map([['_id', newId()], ...fields]));
  const key = identityText(id ?? idOf(document));
  if (id?.type === BsonType.array || id?.type === BsonType.regex || id?.type === BsonType.undefined) throw new ServerError(2, 'BadValue', "The '_id' value cannot be of this type");
  if (workspace.catalog.collection(database, collection)!.documents.has(key)) {
    throw new ServerError(11000, 'DuplicateKey', `E11000 duplicate key error collection: ${database}.${collection} index: _id_`);
  }
  if (document.length > DOCUMENT_BYTES_MAX) throw new ServerError(10334, 'BSONObjectTooLarge', `object to insert too large. size in bytes: ${document.length}, max size: ${DOCUMENT_BYTES_MAX}`);
  workspace.record({ kind: 'insert', database, collection, document });
}

function newId(): RawValue {
  return { type: BsonType.objectId, bytes: Buffer.from(new ObjectId().id) };
}

interface UpdateStatement {
  readonly query: RawDocument;
  readonly update: RawValue;
  readonly isMulti: boolean;
  readonly isUpsert: boolean;
}

function updateDocuments(workspace: Workspace, database: string, name: string, statement: UpdateStatement): { matched: number; modified: number; upsertedId?: RawValue } {
  const update = compileUpdate(statement.update);
  const collection = workspace.catalog.collection(database, name);
  const found = matching(collection, compileMatch(statement.query), statement.isMulti ? undefined : 1);
  let modified = 0;
  for (const before of found) {
    const old = parseDocument(before);
    const after = update.apply(old, false);
    if (areSame(old, after)) continue;
    if (!after.get('_id')?.bytes.equals(old.get('_id')!.bytes)) throw new ServerError(66, 'ImmutableField', "Performing an update on the path '_id' would modify the immutable field '_id'");
    const document = encodeDocument(after);
    const { hasImages } = collection!;
    if (update.isReplacement) workspace.record({ kind: 'replace', database, collection: name, document, before, hasImages });
    else workspace.record({ kind: 'update', database, collection: name, document, before, description: describeUpdate(old, after), hasImages });
    modified += 1;
  }
  if (found.length > 0 || !statement.isUpsert) return { matched: found.length, modified };
  const made = upsertedDocument(statement, update);
  insertDocument(workspace, database, collectionFor(workspace, database, name).name, encodeDocument(made));
  return { matched: 1, modified: 0, upsertedId: made.get('_id')! };
}

function upsertedDocument(statement: UpdateStatement, update: ReturnType<typeof compileUpdate>): RawDocument {
  const base: RawDocument = new Map();
  for (const [path, value] of statement.query) {
    const equal = fieldsOf(value)?.get('$eq') ?? value;
    const isOperator = [...(fieldsOf(value)?.keys() ?? [])].some((it) => it.startsWith('$') && it !== '$eq');
    if (!path.startsWith('$') && !path.includes('.') && !isOperator) base.set(path, equal);
  }
  const made = update.apply(base, true);
  return made.has('_id') ? made : new Map([['_id', newId()], ...made]);
}

function matching(collection: Collection | undefined, matches: (document: RawDocument) => boolean, limit: number | undefined): Buffer[] {
  const found: Buffer[] = [];
  for (const document of collection?.documents.values() ?? []) {
    if (matches(parseDocument(document))) found.push(document);
    if (found.length === limit) break;
  }
  return found;
}

function nameOf(command: RawDocument, field: string): string {
  const name = textOf(command.get(field));
  if (name === undefined) throw badValue('collection name has invalid type');
  return name;
}

type Counts = { readonly n: number; readonly nModified?: number };

/** Runs statements in order; the first failure ends an ordered command, and the answer says which one failed. */
function eachStatement(statements: readonly RawValue[], command: RawDocument, run: (statement: RawValue, index: number) => Counts): { [name: string]: Plain | undefined } {
  const errors: Plain[] = [];
  const isOrdered = command.get('ordered') === undefined || isTrue(command.get('ordered'));
  let n = 0;
  let nModified: number | undefined;
  for (const [index, statement] of statements.entries()) {
    try {
      const counts = run(statement, index);
      n += counts.n;
      if (counts.nModified !== undefined) nModified = (nModified ?? 0) + counts.nModified;
    } catch (error) {
      if (!(error instanceof ServerError)) throw error;
      if (statements.length === 1 && error.code !== 11000 && error.code !== 66) throw error;
      errors.push({ index, code: error.code, errmsg: error.message });
      if (isOrdered) break;
    }
  }
  return { n: toRaw(n), nModified, writeErrors: errors.length > 0 ? errors : undefined };
}
