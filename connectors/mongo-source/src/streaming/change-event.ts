import { BsonType, documentBytes, findField, int32, isName, nameEndOf, numberOf, textOf, valueLength, type Element } from '../bson/elements.js';
import { writeDocument } from '../bson/extended-json.js';
import { JsonText } from '../bson/json-text.js';
import type { EventTime } from '../records/position.js';

const FIELDS = ['_id', 'operationType', 'clusterTime', 'wallTime', 'fullDocument', 'ns', 'documentKey', 'updateDescription', 'fullDocumentBeforeChange', 'lsid', 'txnNumber', 'splitEvent'] as const;
const OPERATION_TYPES = ['insert', 'update', 'replace', 'delete'];
let lastNamespace = { bytes: Buffer.alloc(0), database: '', collection: '' };

/** A string value; one of the expected ones is not made anew. */
function knownText(expected: readonly string[], bytes: Buffer, at: number): string {
  const end = at + 3 + int32(bytes, at);
  return expected.find((it) => isName(bytes, at + 4, end, it)) ?? bytes.toString('utf8', at + 4, end);
}

/** A change event in the bytes in which it came; the fields that are needed are located once. */
export class ChangeEvent {
  token!: Buffer;
  operationType = '';
  database = '';
  collection = '';
  documentKey: Element | undefined;
  fullDocument: Element | undefined;
  before: Element | undefined;
  update: Element | undefined;
  split: Element | undefined;
  wallTimeMs: number | undefined;
  private seconds = -1;
  private order = -1;
  private lsid: Element | undefined;
  private txnNumber: bigint | undefined;

  constructor(bytes: Buffer, at: number) {
    const end = at + int32(bytes, at) - 1;
    let next = at + 4;
    while (next < end) {
      const type = bytes[next]!;
      const nameEnd = nameEndOf(bytes, next + 1);
      const start = nameEnd + 1;
      const name = FIELDS.find((it) => isName(bytes, next + 1, nameEnd, it));
      if (name !== undefined) this.take(name, type, bytes, start);
      next = start + valueLength(bytes, type, start);
    }
  }

  private take(name: (typeof FIELDS)[number], type: number, bytes: Buffer, at: number): void {
    switch (name) {
      case '_id':
        this.token = documentBytes({ type, bytes, at });
        break;
      case 'operationType':
        this.operationType = knownText(OPERATION_TYPES, bytes, at);
        break;
      case 'clusterTime':
        if (type !== BsonType.timestamp) break;
        this.order = int32(bytes, at);
        this.seconds = int32(bytes, at + 4);
        break;
      case 'ns':
        this.takeNamespace(bytes, at);
        break;
      case 'documentKey':
        this.documentKey = { type, bytes, at };
        break;
      case 'fullDocument':
        this.fullDocument = { type, bytes, at };
        break;
      case 'fullDocumentBeforeChange':
        this.before = { type, bytes, at };
        break;
      case 'updateDescription':
        this.update = { type, bytes, at };
        break;
      case 'wallTime':
        if (type === BsonType.date) this.wallTimeMs = int32(bytes, at + 4) * 4294967296 + (int32(bytes, at) >>> 0);
        break;
      case 'lsid':
        this.lsid = { type, bytes, at };
        break;
      case 'txnNumber':
        this.txnNumber = BigInt(numberOf({ type, bytes, at }) ?? 0);
        break;
      case 'splitEvent':
        this.split = { type, bytes, at };
        break;
    }
  }

  /** Changes of one collection often follow one another: the names are made once. */
  private takeNamespace(bytes: Buffer, at: number): void {
    const length = int32(bytes, at);
    if (lastNamespace.bytes.length !== length || bytes.compare(lastNamespace.bytes, 0, length, at, at + length) !== 0) {
      lastNamespace = { bytes: Buffer.from(bytes.subarray(at, at + length)), database: textOf(findField(bytes, at, 'db')) ?? '', collection: textOf(findField(bytes, at, 'coll')) ?? '' };
    }
    this.database = lastNamespace.database;
    this.collection = lastNamespace.collection;
  }

  /** The value of `_id` of the changed document. */
  get id(): Element | undefined {
    const { documentKey } = this;
    return documentKey?.type === BsonType.document ? findField(documentKey.bytes, documentKey.at, '_id') : undefined;
  }

  get time(): EventTime {
    const { seconds, order, lsid, txnNumber } = this;
    const isTransaction = lsid?.type === BsonType.document && txnNumber !== undefined;
    return { seconds, order, lsid: isTransaction ? sessionText(lsid) : undefined, txnNumber: isTransaction ? txnNumber : undefined };
  }

  /** Which fragment of how many this is, when the server has split the event. */
  get fragment(): { readonly number: number; readonly of: number } | undefined {
    const { split } = this;
    if (split?.type !== BsonType.document) return undefined;
    return { number: numberOf(findField(split.bytes, split.at, 'fragment')) ?? 0, of: numberOf(findField(split.bytes, split.at, 'of')) ?? 0 };
  }

  /** Takes over what a later fragment has. */
  merge(later: ChangeEvent): void {
    this.token = later.token;
    this.operationType ||= later.operationType;
    this.database ||= later.database;
    this.collection ||= later.collection;
    this.documentKey ??= later.documentKey;
    this.fullDocument ??= later.fullDocument;
    this.before ??= later.before;
    this.update ??= later.update;
    this.wallTimeMs ??= later.wallTimeMs;
    this.lsid ??= later.lsid;
    this.txnNumber ??= later.txnNumber;
    if (this.seconds < 0) {
      this.seconds = later.seconds;
      this.order = later.order;
    }
  }
}

let lastLsid: { readonly bytes: Buffer; readonly text: string } | undefined;

/** The changes of a transaction follow one another: the text is made once. */
function sessionText(lsid: Element): string {
  const bytes = documentBytes(lsid);
  if (lastLsid?.bytes.equals(bytes)) return lastLsid.text;
  const out = new JsonText();
  writeDocument(out, bytes, 0, { mode: 'strict', isSpaced: false });
  lastLsid = { bytes: Buffer.from(bytes), text: out.toString() };
  return lastLsid.text;
}
