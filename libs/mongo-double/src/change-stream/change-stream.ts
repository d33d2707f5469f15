import { encodeDocument, fieldsOf, isTrue, textOf, timestampOf, toRaw, type RawDocument, type RawValue } from '../bson/raw-value.js';
import { compileStage, unknownStage, type Stage } from '../query/pipeline.js';
import { badValue, ServerError } from '../server-error.js';
import type { LogEntry, Store } from '../store/store.js';
import { changeEvent, invalidateEvent, type EventOptions } from './change-event.js';
import { PASSED_INDEX, readToken, tokenOf, type StreamPosition } from './resume-token.js';

/** What a stream watches; no database: the whole deployment. */
export interface Scope {
  readonly database: string | undefined;
  readonly collection: string | undefined;
}

export interface Batch {
  readonly events: readonly Buffer[];
  readonly token: Buffer;
  /** The stream was invalidated: its cursor is gone. */
  readonly hasEnded: boolean;
}

const SYSTEM_DATABASES = new Set(['admin', 'config', 'local']);

/** A change stream: reads the log on from its position. */
export class ChangeStream {
  private position: StreamPosition;
  private readonly options: EventOptions;
  private readonly stages: readonly Stage[];
  private readonly splits: boolean;
  private hasEnded = false;
  private skippedFragments: number;

  constructor(
    private readonly store: Store,
    private readonly scope: Scope,
    specification: RawDocument,
    stages: readonly (readonly [string, RawValue])[],
    private readonly eventBytesMax: () => number,
  ) {
    this.options = {
      fullDocument: textOf(specification.get('fullDocument')) ?? 'default',
      fullDocumentBeforeChange: textOf(specification.get('fullDocumentBeforeChange')) ?? 'off',
      showsExpandedEvents: isTrue(specification.get('showExpandedEvents')),
    };
    const last = stages[stages.length - 1];
    this.splits = last?.[0] === '$changeStreamSplitLargeEvent';
    this.stages = (this.splits ? stages.slice(0, -1) : stages).map(([name, argument]) => {
      const stage = compileStage(name, argument);
      if (!stage) throw name.startsWith('$changeStream') ? badValue(`${name} must be the last stage`) : unknownStage(`${name} in a change stream`);
      return stage;
    });
    this.position = this.start(specification);
    this.skippedFragments = this.position.fragment;
    // Fails here, not at the first read, when the log does not reach back far enough.
    this.store.indexBehind(this.position);
  }

  /** Events that are there, up to about a megabyte more than `bytesMax`. */
  read(countMax: number, bytesMax: number): Batch {
    const events: Buffer[] = [];
    let bytes = 0;
    let index = this.store.indexBehind(this.searchPosition());
    while (events.length < countMax && bytes < bytesMax && !this.hasEnded) {
      const entry = this.store.entry(index);
      if (!entry) break;
      try {
        for (const event of this.eventsOf(entry)) {
          events.push(event);
          bytes += event.length;
        }
      } catch (error) {
        // What comes before the failure is sent; the next read begins with it and fails.
        if (events.length === 0) throw error;
        return { events, token: tokenOf(this.position), hasEnded: false };
      }
      index += 1;
      if (!this.hasEnded) this.position = { ...entry, kind: 'event', fragment: 0 };
    }
    if (!this.hasEnded && !this.store.entry(index)) this.position = { ...this.store.now, index: PASSED_INDEX, kind: 'passed', fragment: 0 };
    return { events, token: tokenOf(this.position), hasEnded: this.hasEnded };
  }

  /** A split event is read again from its entry: its first fragments are left out. */
  private searchPosition(): StreamPosition {
    return this.skippedFragments > 0 ? { ...this.position, index: this.position.index - 1 } : this.position;
  }

  private start(specification: RawDocument): StreamPosition {
    const resumeAfter = specification.get('resumeAfter');
    const startAfter = specification.get('startAfter');
    const startAt = timestampOf(specification.get('startAtOperationTime'));
    if ([resumeAfter, startAfter, startAt].filter((it) => it !== undefined).length > 1) throw badValue('Only one type of resume option is allowed');
    if (startAt) return { seconds: startAt.seconds, increment: startAt.increment, index: -1, kind: 'passed', fragment: 0 };
    const token = resumeAfter ?? startAfter;
    if (!token) return { ...this.store.now, index: PASSED_INDEX, kind: 'passed', fragment: 0 };
    const position = readToken(token);
    if (resumeAfter && position.kind === 'invalidate') {
      throw new ServerError(260, 'InvalidResumeToken', "Attempting to resume a change stream using 'resumeAfter' is not allowed from an invalidate notification");
    }
    if (position.kind !== 'passed' && !this.store.hasEntry(position)) {
      throw new ServerError(280, 'ChangeStreamFatalError', 'cannot resume stream; the resume token was not found.');
    }
    return position;
  }

  private eventsOf(entry: LogEntry): Buffer[] {
    if (!this.isInScope(entry)) return [];
    const event = changeEvent(entry, this.options, this.store.catalog);
    const made = event ? this.finish(event, entry) : [];
    if (this.invalidates(entry)) {
      made.push(...this.finish(invalidateEvent(entry), entry));
      this.hasEnded = true;
      this.position = { ...entry, kind: 'invalidate', fragment: 0 };
    }
    return made;
  }

  private finish(event: RawDocument, entry: LogEntry): Buffer[] {
    let document: RawDocument | undefined = event;
    for (const stage of this.stages) document = document && stage(document);
    if (!document) return [];
    const id = document.get('_id');
    if (!id || !id.bytes.equals(event.get('_id')!.bytes)) {
      throw new ServerError(280, 'ChangeStreamFatalError', 'Encountered an event whose _id field, which contains the resume token, was modified by the pipeline. Modifying the _id field of an event makes it impossible to resume the stream from that point.');
    }
    const bytes = encodeDocument(document);
    const most = this.eventBytesMax();
    if (bytes.length <= most) return [bytes];
    if (!this.splits) throw new ServerError(10334, 'BSONObjectTooLarge', `BSONObj size: ${bytes.length} is invalid. Size must be between 0 and ${most}. First element: _id`);
    const fragments = this.split(document, entry, most);
    const skipped = this.skippedFragments;
    this.skippedFragments = 0;
    return fragments.slice(skipped);
  }

  /** Whole fields are distributed over fragments, large ones alone. */
  private split(document: RawDocument, entry: LogEntry, most: number): Buffer[] {
    const groups: RawDocument[] = [new Map()];
    let size = 0;
    for (const [name, value] of document) {
      if (name === '_id') continue;
      const length = name.length + 2 + value.bytes.length;
      if (length + 200 > most) throw new ServerError(10334, 'BSONObjectTooLarge', `the field ${name} alone is too large for a fragment`);
      if (size + length + 200 > most) {
        groups.push(new Map());
        size = 0;
      }
      groups[groups.length - 1]!.set(name, value);
      size += length;
    }
    return groups.map((fields, index) => {
      const id = toRaw(new Map([...fieldsOf({ type: 3, bytes: tokenOf({ ...entry, kind: 'event', fragment: index === groups.length - 1 ? 0 : index + 1 }) })!]));
      return encodeDocument(new Map([['_id', id], ['splitEvent', toRaw({ fragment: index + 1, of: groups.length })], ...fields]));
    });
  }

  private isInScope({ change }: LogEntry): boolean {
    if (SYSTEM_DATABASES.has(change.database) && this.scope.database === undefined) return false;
    if (this.scope.database === undefined) return true;
    if (change.kind === 'rename' && change.toDatabase === this.scope.database && (this.scope.collection === undefined || change.toCollection === this.scope.collection)) return true;
    if (change.database !== this.scope.database) return false;
    if (this.scope.collection === undefined) return true;
    return 'collection' in change && change.collection === this.scope.collection;
  }

  private invalidates({ change }: LogEntry): boolean {
    if (this.scope.database === undefined) return false;
    if (change.kind === 'dropDatabase') return this.scope.collection === undefined;
    return this.scope.collection !== undefined && (change.kind === 'drop' || change.kind === 'rename');
  }
}
