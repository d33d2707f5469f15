import type { Plain, RawDocument } from '../bson/raw-value.js';
import type { Cursors } from './cursors.js';
import type { Store } from '../store/store.js';
import type { Workspace } from '../store/workspace.js';

/** What a command works with. */
export interface CommandContext {
  readonly store: Store;
  readonly workspace: Workspace;
  readonly cursors: Cursors;
  readonly database: string;
  readonly command: RawDocument;
  /** Aborted when the connection or the server goes away. */
  readonly signal: AbortSignal;
  /** The largest change event that is sent whole. */
  readonly eventBytesMax: () => number;
}

export type Answer = { readonly [name: string]: Plain | undefined };
export type Command = (context: CommandContext) => Answer | Promise<Answer>;
