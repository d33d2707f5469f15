import type { Schema } from '@millrace/connect-api';
import type { TargetTable } from '../catalog/target-table.js';
import { type ColumnCodec, SKIPPED } from '../columns/column-codec.js';
import { OperationField, RowField } from './row-encoder.js';

/** A column that rows of a plan have. */
export interface PlannedColumn {
  readonly name: string;
  /** The column's type without length, as SQL. */
  readonly baseType: string;
  /** The type that reads the text in a staging table. */
  readonly stageType: string;
  /** A type to read the text as before it is assigned; undefined: the column's own. */
  readonly readAs: string | undefined;
}

/** A field of a record and what becomes of it. */
export interface PlannedField {
  readonly field: string;
  readonly schema: Schema;
  readonly column: PlannedColumn;
  readonly codec: ColumnCodec;
}

export type KeyPlan =
  | { readonly from: 'nowhere' }
  | { readonly from: 'coordinates'; readonly codecs: readonly ColumnCodec[] }
  | { readonly from: 'key'; readonly codecs: readonly ColumnCodec[] }
  | { readonly from: 'key value'; readonly codec: ColumnCodec }
  | { readonly from: 'row'; readonly codecs: readonly ColumnCodec[] }
  | { readonly from: 'headers'; readonly fields: readonly PlannedField[] }
  /** The mode asks for a key that records of this kind do not have. */
  | { readonly from: 'missing'; readonly reason: string };

/** How records of one topic with one pair of schemas become rows of a table: compiled once. */
export interface RowPlan {
  readonly table: TargetTable;
  readonly shape: 'envelope' | 'flat' | 'none';
  readonly key: KeyPlan;
  readonly keyColumns: readonly PlannedColumn[];
  /** Key columns, then the others: the fields of a row. */
  readonly columns: readonly PlannedColumn[];
  /** One for each field of the row's struct. */
  readonly rowCodecs: readonly ColumnCodec[];
  /** One for each field of the envelope; the row is `after`, or `before`. */
  readonly envelopeCodecs: readonly ColumnCodec[];
  readonly beforeCodecs: readonly ColumnCodec[];
}

const OPERATION = new OperationField();
const ROW = new RowField();

/** The codecs of an envelope whose row is in the field `row`. */
export function envelopeCodecs(envelope: Schema | undefined, row: 'after' | 'before'): ColumnCodec[] {
  return (envelope?.fields ?? []).map((it) => (it.name === 'op' ? OPERATION : it.name === row ? ROW : SKIPPED));
}

/** The codecs of a struct of which only these fields are columns. */
export function structCodecs(schema: Schema, fields: readonly PlannedField[]): ColumnCodec[] {
  return schema.fields.map((it) => fields.find((planned) => planned.field === it.name)?.codec ?? SKIPPED);
}
