import { documentValue, longValue, parseDocument, timestampValue, toRaw, type Plain, type RawDocument, type RawValue } from '../bson/raw-value.js';
import { identityText } from '../bson/order.js';
import { ServerError } from '../server-error.js';
import { idOf, type Catalog, type Change } from '../store/catalog.js';
import type { LogEntry } from '../store/store.js';
import { tokenOf } from './resume-token.js';

export interface EventOptions {
  readonly fullDocument: string;
  readonly fullDocumentBeforeChange: string;
  readonly showsExpandedEvents: boolean;
}

/** The change event of a log entry, before the user's pipeline; undefined when a stream does not show such entries. */
export function changeEvent(entry: LogEntry, options: EventOptions, catalog: Catalog): RawDocument | undefined {
  const { change } = entry;
  if (change.kind === 'noop' || ((change.kind === 'create' || change.kind === 'modify') && !options.showsExpandedEvents)) return undefined;
  const fields: Record<string, Plain | undefined> = {
    _id: documentValue(tokenOf({ ...entry, kind: 'event', fragment: 0 })),
    operationType: change.kind,
    clusterTime: timestampValue(entry.seconds, entry.increment),
    wallTime: new Date(entry.wallMs),
  };
  if (entry.transaction) {
    fields.lsid = documentValue(entry.transaction.lsid);
    fields.txnNumber = longValue(entry.transaction.txnNumber);
  }
  addBody(fields, change, options, catalog);
  return new Map(Object.entries(fields).flatMap(([name, it]) => (it === undefined ? [] : [[name, toRaw(it)] as const])));
}

/** What a stream on a collection or a database sends when that is gone; its cursor ends. */
export function invalidateEvent(entry: LogEntry): RawDocument {
  return parseDocument(
    Buffer.from(toRaw({ _id: documentValue(tokenOf({ ...entry, kind: 'invalidate', fragment: 0 })), operationType: 'invalidate', clusterTime: timestampValue(entry.seconds, entry.increment), wallTime: new Date(entry.wallMs) }).bytes),
  );
}

function addBody(fields: Record<string, Plain | undefined>, change: Change, options: EventOptions, catalog: Catalog): void {
  if ('collection' in change) fields.ns = { db: change.database, coll: change.collection };
  else fields.ns = { db: change.database };
  switch (change.kind) {
    case 'insert':
      insertBefore(fields, 'ns', { fullDocument: documentValue(change.document) });
      fields.documentKey = keyOf(change.document);
      break;
    case 'replace':
      insertBefore(fields, 'ns', { fullDocument: documentValue(change.document) });
      fields.documentKey = keyOf(change.document);
      fields.fullDocumentBeforeChange = beforeImage(change, options);
      break;
    case 'update':
      insertBefore(fields, 'ns', { fullDocument: afterImage(change, options, catalog) });
      fields.documentKey = keyOf(change.document);
      fields.updateDescription = documentValue(change.description);
      fields.fullDocumentBeforeChange = beforeImage(change, options);
      break;
    case 'delete':
      fields.documentKey = keyOf(change.before);
      fields.fullDocumentBeforeChange = beforeImage(change, options);
      break;
    case 'rename':
      fields.to = { db: change.toDatabase, coll: change.toCollection };
      break;
    case 'create':
    case 'modify':
    case 'drop':
    case 'dropDatabase':
    case 'noop':
      break;
  }
}

/** Keeps the order of fields that a server has. */
function insertBefore(fields: Record<string, Plain | undefined>, name: string, more: Record<string, Plain | undefined>): void {
  const held = fields[name];
  delete fields[name];
  Object.assign(fields, more, { [name]: held });
}

function keyOf(document: Buffer): RawDocument {
  return new Map([['_id', idOf(document)]]);
}

function afterImage(change: Change & { readonly kind: 'update' }, options: EventOptions, catalog: Catalog): RawValue | undefined {
  switch (options.fullDocument) {
    case 'updateLookup': {
      const found = catalog.collection(change.database, change.collection)?.documents.get(identityText(idOf(change.document)));
      return found ? documentValue(found) : toRaw(null);
    }
    case 'whenAvailable':
      return change.hasImages ? documentValue(change.document) : toRaw(null);
    case 'required':
      if (!change.hasImages) throw new ServerError(47, 'NoMatchingDocument', "Change stream was configured to require a post-image for all update events, but the post-image was not found");
      return documentValue(change.document);
    default:
      return undefined;
  }
}

function beforeImage(change: Change & { readonly before: Buffer; readonly hasImages: boolean }, options: EventOptions): RawValue | undefined {
  switch (options.fullDocumentBeforeChange) {
    case 'whenAvailable':
      return change.hasImages ? documentValue(change.before) : toRaw(null);
    case 'required':
      if (!change.hasImages) throw new ServerError(47, 'NoMatchingDocument', 'Change stream was configured to require a pre-image for all update, delete and replace events, but the pre-image was not found');
      return documentValue(change.before);
    default:
      return undefined;
  }
}
