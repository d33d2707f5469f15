import { documentValue, longValue, toRaw, type RawValue } from '../bson/raw-value.js';
import type { ChangeStream } from '../change-stream/change-stream.js';
import { ServerError } from '../server-error.js';

const REPLY_BYTES = 16 * 1024 * 1024;
const FIRST_BATCH = 101;
const DEFAULT_AWAIT_MS = 1000;

interface OpenCursor {
  readonly id: bigint;
  readonly namespace: string;
  readonly source: { readonly documents: readonly Buffer[]; next: number } | { readonly stream: ChangeStream };
}

/** The open cursors of a server. */
export class Cursors {
  private readonly open = new Map<bigint, OpenCursor>();
  private nextId = 1_000_000n + BigInt(Math.floor(Math.random() * 1_000_000_000));

  /** The answer of find and aggregate. */
  start(namespace: string, source: { readonly documents: readonly Buffer[] } | { readonly stream: ChangeStream }, batchSize: number | undefined, isSingleBatch = false): RawValue {
    this.nextId += 1n;
    const cursor: OpenCursor = { id: this.nextId, namespace, source: 'stream' in source ? source : { documents: source.documents, next: 0 } };
    const batch = readBatch(cursor, batchSize ?? FIRST_BATCH);
    if (!batch.hasEnded && !isSingleBatch) this.open.set(cursor.id, cursor);
    return cursorDocument(cursor, 'firstBatch', batch, isSingleBatch);
  }

  /** The answer of getMore; a change stream waits for its next event, but not for longer than `awaitMs`. */
  async more(id: bigint, options: { readonly batchSize: number | undefined; readonly awaitMs: number | undefined; readonly signal: AbortSignal; readonly changed: (signal: AbortSignal) => Promise<void> }): Promise<RawValue> {
    const cursor = this.open.get(id);
    if (!cursor) throw new ServerError(43, 'CursorNotFound', `cursor id ${id} not found`);
    const deadline = AbortSignal.any([options.signal, AbortSignal.timeout(options.awaitMs ?? DEFAULT_AWAIT_MS)]);
    let batch = readBatch(cursor, options.batchSize);
    while ('stream' in cursor.source && batch.documents.length === 0 && !batch.hasEnded && !deadline.aborted && this.open.has(id)) {
      await options.changed(deadline);
      batch = readBatch(cursor, options.batchSize);
    }
    if (batch.hasEnded) this.open.delete(id);
    return cursorDocument(cursor, 'nextBatch', batch, false);
  }

  kill(id: bigint): boolean {
    return this.open.delete(id);
  }

  /** As after an election: no cursor is known any more. */
  clear(): void {
    this.open.clear();
  }
}

interface CursorBatch {
  readonly documents: readonly Buffer[];
  readonly hasEnded: boolean;
  readonly token: Buffer | undefined;
}

function readBatch(cursor: OpenCursor, batchSize: number | undefined): CursorBatch {
  const { source } = cursor;
  const count = batchSize ?? Number.POSITIVE_INFINITY;
  if ('stream' in source) {
    const { events, token, hasEnded } = source.stream.read(count, REPLY_BYTES);
    return { documents: events, token, hasEnded };
  }
  const documents: Buffer[] = [];
  let bytes = 0;
  while (source.next < source.documents.length && documents.length < count && bytes < REPLY_BYTES) {
    const document = source.documents[source.next++]!;
    documents.push(document);
    bytes += document.length;
  }
  return { documents, token: undefined, hasEnded: source.next >= source.documents.length };
}

function cursorDocument(cursor: OpenCursor, batchName: string, batch: CursorBatch, isSingleBatch: boolean): RawValue {
  return toRaw({
    [batchName]: batch.documents.map(documentValue),
    postBatchResumeToken: batch.token && documentValue(batch.token),
    id: longValue(batch.hasEnded || isSingleBatch ? 0n : cursor.id),
    ns: cursor.namespace,
  });
}
