import { Schema, writeValue, type Value, type ValueWriter } from '@millrace/connect-api';
import type { Encode, TypeMapping, WriteConstant } from '../columns/encoders/encode.js';
import { NULL, type RowSpans } from '../rows/row-spans.js';
import { envelopeSchema } from './envelope-schemas.js';
import type { TableName } from './table-catalog.js';

/** One column of a row, in the order in which the server sends them. */
export interface PlannedColumn {
  readonly name: string;
  readonly schema: Schema;
  readonly encode: Encode;
  readonly writeNull: WriteConstant;
  readonly writeUnchanged: WriteConstant;
}

export interface ColumnInput {
  readonly name: string;
  readonly mapping: TypeMapping | undefined;
  /** In keys, where nothing is masked or added; absent: the same. */
  readonly keyMapping?: TypeMapping;
  readonly isOptional: boolean;
  readonly defaultValue: Value | undefined;
  /** False: it is left out of values (it may still be part of the key). */
  readonly isIncluded: boolean;
  /** The labels, if it is an enum. */
  readonly labels: readonly string[] | undefined;
  /** Its comment, where that is told. */
  readonly comment?: string | null;
}

/** The names of a table's schemas and fields. */
export interface PlanNames {
  readonly topic: string;
  /** The base of the names of its schemas: the topic unless names are adjusted. */
  readonly schema: string;
  readonly field: (column: string) => string;
  readonly comment?: string | null;
}

/**
 * All that is known of a table, compiled once per description of it: schemas, and for each column the function that writes it.
 * A new description makes a new plan; records keep theirs.
 */
export class TablePlan {
  readonly topic: string;
  readonly keySchema: Schema | null;
  readonly rowSchema: Schema;
  readonly envelope: Schema;
  readonly schemaBytes: Buffer;
  readonly tableBytes: Buffer;
  /** `schema.table`. */
  readonly collection: string;
  /** Positions of the key's columns in a row, in the order of the key. */
  readonly keyColumns: readonly number[];
  readonly enums: readonly { readonly column: number; readonly labels: ReadonlySet<string> }[];
  private readonly columns: readonly (PlannedColumn | undefined)[];
  private readonly keyFields: readonly (PlannedColumn | undefined)[];
  /** Of the table, in the order of a row. */
  readonly columnNames: readonly string[];
  /** Positions of the columns that values show. */
  readonly valuePositions: readonly number[];

  constructor(options: { readonly name: TableName; readonly names: PlanNames; readonly columns: readonly ColumnInput[]; readonly key: readonly string[] }) {
    const { name, names, columns, key } = options;
    this.topic = names.topic;
    this.columnNames = columns.map((it) => it.name);
    this.collection = `${name.schema}.${name.table}`;
    this.schemaBytes = Buffer.from(name.schema, 'utf8');
    this.tableBytes = Buffer.from(name.table, 'utf8');
    this.columns = columns.map((it) => planColumn(it, names.field(it.name)));
    this.keyFields = columns.map((it, i) => (it.keyMapping === undefined || !key.includes(it.name) ? this.columns[i] : planColumn({ ...it, mapping: it.keyMapping }, names.field(it.name))));
    this.valuePositions = columns.flatMap((it, i) => (it.isIncluded && this.columns[i] ? [i] : []));
    this.keyColumns = key.map((it) => columns.findIndex((column) => column.name === it)).filter((i) => i >= 0 && this.columns[i] !== undefined);
    this.enums = columns.flatMap((it, i) => (it.labels && this.columns[i] ? [{ column: i, labels: new Set(it.labels) }] : []));
    this.rowSchema = Schema.struct(fieldsOf(this.columns, this.valuePositions), { name: `${names.schema}.Value`, optional: true });
    this.keySchema = this.keyColumns.length === 0 ? null : Schema.struct(fieldsOf(this.keyFields, this.keyColumns), { name: `${names.schema}.Key` });
    this.envelope = envelopeSchema(names.schema, this.rowSchema);
  }

  /** Writes the row whose columns `spans` holds. `old` stands in for large values that were not sent, where it has them. */
  writeRow(writer: ValueWriter, bytes: Buffer, spans: RowSpans, old: { readonly bytes: Buffer; readonly spans: RowSpans } | undefined): void {
    if (!writer.beginStruct(this.rowSchema)) return;
    const { columns, valuePositions } = this;
    const { starts, ends } = spans;
    for (let i = 0; i < valuePositions.length; i++) {
      const position = valuePositions[i]!;
      const column = columns[position]!;
      const start = starts[position]!;
      if (start >= 0) column.encode(writer, bytes, start, ends[position]!);
      else if (start === NULL) column.writeNull(writer);
      else if (old && old.spans.starts[position]! >= 0) column.encode(writer, old.bytes, old.spans.starts[position]!, old.spans.ends[position]!);
      else column.writeUnchanged(writer);
    }
    writer.endStruct();
  }

  writeKey(writer: ValueWriter, bytes: Buffer, spans: RowSpans): void {
    const schema = this.keySchema;
    if (!schema || !writer.beginStruct(schema)) return;
    const { keyFields, keyColumns } = this;
    for (let i = 0; i < keyColumns.length; i++) {
      const position = keyColumns[i]!;
      const column = keyFields[position]!;
      const start = spans.starts[position]!;
      if (start >= 0) column.encode(writer, bytes, start, spans.ends[position]!);
      else if (start === NULL) column.writeNull(writer);
      else column.writeUnchanged(writer);
    }
    writer.endStruct();
  }
}

function planColumn(input: ColumnInput, name: string): PlannedColumn | undefined {
  const { mapping, defaultValue, isOptional, comment } = input;
  if (!mapping) return undefined;
  const schema = mapping.schema.with({ optional: isOptional || mapping.schema.optional, ...(defaultValue === undefined ? {} : { default: defaultValue }), ...(comment ? { doc: comment } : {}) });
  const writeNull: WriteConstant = isOptional ? (mapping.whenOptionalNull ?? ((writer) => writer.null())) : defaultValue === undefined ? mapping.whenNull : (writer) => writeValue(schema, defaultValue, writer);
  return { name, schema, encode: mapping.encode, writeNull, writeUnchanged: mapping.whenUnchanged ?? writeNull };
}

function fieldsOf(columns: readonly (PlannedColumn | undefined)[], positions: readonly number[]): [string, Schema][] {
  return positions.map((i) => [columns[i]!.name, columns[i]!.schema]);
}
