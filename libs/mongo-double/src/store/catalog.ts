import { randomBytes } from 'node:crypto';
import { identityText } from '../bson/order.js';
import { parseDocument, type RawValue } from '../bson/raw-value.js';
import { ServerError } from '../server-error.js';

/** One thing that happened to the data: the store is what results from applying all of them in order (Invariant 2). Documents are BSON bytes. */
export type Change =
  | { readonly kind: 'create'; readonly database: string; readonly collection: string; readonly uuid: Buffer; readonly hasImages: boolean }
  | { readonly kind: 'modify'; readonly database: string; readonly collection: string; readonly hasImages: boolean }
  | { readonly kind: 'insert'; readonly database: string; readonly collection: string; readonly document: Buffer }
  | { readonly kind: 'update'; readonly database: string; readonly collection: string; readonly document: Buffer; readonly before: Buffer; readonly description: Buffer; readonly hasImages: boolean }
  | { readonly kind: 'replace'; readonly database: string; readonly collection: string; readonly document: Buffer; readonly before: Buffer; readonly hasImages: boolean }
  | { readonly kind: 'delete'; readonly database: string; readonly collection: string; readonly before: Buffer; readonly hasImages: boolean }
  | { readonly kind: 'drop'; readonly database: string; readonly collection: string }
  | { readonly kind: 'rename'; readonly database: string; readonly collection: string; readonly toDatabase: string; readonly toCollection: string }
  | { readonly kind: 'dropDatabase'; readonly database: string }
  | { readonly kind: 'noop'; readonly database: string };

export interface Collection {
  readonly name: string;
  readonly uuid: Buffer;
  /** changeStreamPreAndPostImages. */
  hasImages: boolean;
  /** By `identityText` of `_id`, in the order of insertion. */
  readonly documents: Map<string, Buffer>;
}

export function idOf(document: Buffer): RawValue {
  const id = parseDocument(document).get('_id');
  if (!id) throw new ServerError(2, 'BadValue', 'a document without _id');
  return id;
}

/** The databases and what is in them. */
export class Catalog {
  constructor(readonly databases = new Map<string, Map<string, Collection>>()) {}

  /** A copy that can change alone; documents are shared, for they do not change. */
  copy(): Catalog {
    const databases = new Map(Array.from(this.databases, ([name, collections]) => [name, new Map(Array.from(collections, ([key, it]) => [key, { ...it, documents: new Map(it.documents) }]))]));
    return new Catalog(databases);
  }

  collection(database: string, collection: string): Collection | undefined {
    return this.databases.get(database)?.get(collection);
  }

  apply(change: Change): void {
    switch (change.kind) {
      case 'create':
        this.add(change.database, { name: change.collection, uuid: change.uuid, hasImages: change.hasImages, documents: new Map() });
        break;
      case 'modify':
        this.needed(change).hasImages = change.hasImages;
        break;
      case 'insert':
      case 'update':
      case 'replace':
        this.needed(change).documents.set(identityText(idOf(change.document)), change.document);
        break;
      case 'delete':
        this.needed(change).documents.delete(identityText(idOf(change.before)));
        break;
      case 'drop':
        this.remove(change.database, change.collection);
        break;
      case 'rename': {
        const collection = this.needed(change);
        this.remove(change.database, change.collection);
        this.add(change.toDatabase, { ...collection, name: change.toCollection });
        break;
      }
      case 'dropDatabase':
        this.databases.delete(change.database);
        break;
      case 'noop':
        break;
    }
  }

  private add(database: string, collection: Collection): void {
    const collections = this.databases.get(database) ?? new Map<string, Collection>();
    this.databases.set(database, collections);
    collections.set(collection.name, collection);
  }

  private remove(database: string, name: string): void {
    const collections = this.databases.get(database);
    collections?.delete(name);
    if (collections?.size === 0) this.databases.delete(database);
  }

  private needed(change: { readonly database: string; readonly collection: string }): Collection {
    const found = this.collection(change.database, change.collection);
    if (!found) throw new ServerError(26, 'NamespaceNotFound', `ns not found: ${change.database}.${change.collection}`);
    return found;
  }
}

export function newUuid(): Buffer {
  const bytes = randomBytes(16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes;
}
