import { newUuid, type Catalog, type Change, type Collection } from './catalog.js';
import type { Store, TransactionId } from './store.js';

/** Where commands read and write: the store itself, or a transaction's own copy of it until that is committed. */
export interface Workspace {
  readonly catalog: Catalog;
  record(...changes: Change[]): void;
}

export class DirectWorkspace implements Workspace {
  constructor(private readonly store: Store) {}

  get catalog(): Catalog {
    return this.store.catalog;
  }

  record(...changes: Change[]): void {
    for (const change of changes) this.store.append([change]);
  }
}

/** A transaction sees its own writes; others see them when it commits, all at one cluster time. Conflicts between transactions are not looked for. */
export class Transaction implements Workspace {
  readonly catalog: Catalog;
  private readonly pending: Change[] = [];

  constructor(
    private readonly store: Store,
    private readonly id: TransactionId,
  ) {
    this.catalog = store.catalog.copy();
  }

  record(...changes: Change[]): void {
    for (const change of changes) {
      this.catalog.apply(change);
      this.pending.push(change);
    }
  }

  commit(): void {
    if (this.pending.length > 0) this.store.append(this.pending, this.id);
  }
}

/** The collection, made first if it is not there. */
export function collectionFor(workspace: Workspace, database: string, name: string): Collection {
  const found = workspace.catalog.collection(database, name);
  if (found) return found;
  workspace.record({ kind: 'create', database, collection: name, uuid: newUuid(), hasImages: false });
  return workspace.catalog.collection(database, name)!;
}
