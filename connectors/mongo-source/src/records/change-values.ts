import { LazyStruct, type Schema, type ValueWriter } from '@millrace/connect-api';
import { BsonType, findField, isNull, itemsOf, numberOf, textOf, type Element } from '../bson/elements.js';
import { writeDocument, writeElement, type JsonStyle } from '../bson/extended-json.js';
import { JsonText } from '../bson/json-text.js';
import type { FieldFilter } from '../fields/field-selector.js';
import type { CollectionPlan } from './collection-plan.js';
import { REMOVED_FIELDS, TRUNCATED_ARRAY, TRUNCATED_ARRAYS, UPDATE_DESCRIPTION } from './schemas.js';
import type { SourceFacts } from './source-block.js';

const scratch = new JsonText();
const KEY_STYLE: JsonStyle = { mode: 'relaxed', isSpaced: false };
/** Scratch space above this is not kept. */
const SCRATCH_BYTES_KEPT = 4 * 1024 * 1024;

function writeJson(writer: ValueWriter, write: (out: JsonText) => void): void {
  scratch.length = 0;
  write(scratch);
  writer.utf8(scratch.bytes, 0, scratch.length);
  if (scratch.bytes.length > SCRATCH_BYTES_KEPT) scratch.bytes = Buffer.allocUnsafe(64 * 1024);
}

/** The key of a document: its `_id` as JSON text. */
export class DocumentKey extends LazyStruct {
  constructor(
    readonly schema: Schema,
    private readonly id: Element | undefined,
  ) {
    super();
  }

  visit(writer: ValueWriter): void {
    if (!writer.beginStruct(this.schema)) return;
    const { id } = this;
    writeJson(writer, (out) => (id ? writeElement(out, id.bytes, id.type, id.at, KEY_STYLE) : out.ascii('null')));
    writer.endStruct();
  }
}

/** What an envelope is made of; documents are in the bytes in which they came. */
export interface ChangeFacts {
  readonly plan: CollectionPlan;
  readonly operation: 'c' | 'u' | 'd' | 'r';
  readonly before: Element | undefined;
  readonly after: Element | undefined;
  readonly update: Element | undefined;
  readonly source: SourceFacts;
  /** The connector's clock. */
  readonly clockMs: number;
}

/** Debezium's envelope around a document, or around none. */
export class ChangeEnvelope extends LazyStruct {
  constructor(private readonly facts: ChangeFacts) {
    super();
  }

  get schema(): Schema {
    return this.facts.plan.envelope;
  }

  visit(writer: ValueWriter): void {
    const { plan, before, after, update, source, operation, clockMs } = this.facts;
    if (!writer.beginStruct(plan.envelope)) return;
    this.document(writer, before);
    this.document(writer, after);
    if (isNull(update)) writer.null();
    else writeUpdate(writer, update!, plan);
    plan.source.write(writer, source);
    writer.string(operation);
    writer.integer(clockMs);
    writer.null();
    writer.endStruct();
  }

  private document(writer: ValueWriter, element: Element | undefined): void {
    if (element?.type !== BsonType.document) return writer.null();
    const { fields, documentStyle } = this.facts.plan;
    const bytes = fields ? fields.document(element.bytes, element.at) : element.bytes;
    writeJson(writer, (out) => writeDocument(out, bytes, fields ? 0 : element.at, documentStyle));
  }
}

function writeUpdate(writer: ValueWriter, update: Element, { fields, changesStyle }: CollectionPlan): void {
  if (!writer.beginStruct(UPDATE_DESCRIPTION)) return;
  const { bytes, at } = update;
  writeRemoved(writer, findField(bytes, at, 'removedFields'), fields);
  const updated = findField(bytes, at, 'updatedFields');
  if (updated?.type !== BsonType.document) writer.null();
  else {
    const shown = fields ? fields.changes(updated.bytes, updated.at) : updated.bytes;
    writeJson(writer, (out) => writeDocument(out, shown, fields ? 0 : updated.at, changesStyle));
  }
  writeTruncated(writer, findField(bytes, at, 'truncatedArrays'), fields);
  writer.endStruct();
}

function shownPath(element: Element | undefined, fields: FieldFilter | undefined): string | undefined {
  const path = textOf(element);
  return path === undefined || !fields ? path : fields.path(path);
}

function writeRemoved(writer: ValueWriter, removed: Element | undefined, fields: FieldFilter | undefined): void {
  const paths = removed?.type === BsonType.array ? itemsOf(removed).flatMap((it) => shownPath(it, fields) ?? []) : [];
  if (paths.length === 0) return writer.null();
  writer.beginArray(REMOVED_FIELDS, paths.length);
  for (const path of paths) writer.string(path);
  writer.endArray();
}

function writeTruncated(writer: ValueWriter, truncated: Element | undefined, fields: FieldFilter | undefined): void {
  const arrays =
    truncated?.type !== BsonType.array
      ? []
      : itemsOf(truncated).flatMap((it) => {
          const field = shownPath(findField(it.bytes, it.at, 'field'), fields);
          return field === undefined ? [] : [{ field, size: numberOf(findField(it.bytes, it.at, 'newSize')) ?? 0 }];
        });
  if (arrays.length === 0) return writer.null();
  writer.beginArray(TRUNCATED_ARRAYS, arrays.length);
  for (const { field, size } of arrays) {
    if (!writer.beginStruct(TRUNCATED_ARRAY)) continue;
    writer.string(field);
    writer.integer(size);
    writer.endStruct();
  }
  writer.endArray();
}
