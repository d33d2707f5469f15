import { ConnectError, type ConnectLogger, DataError, type Schema, type SinkRecord } from '@millrace/connect-api';
import { encodingFor, type TargetType } from '../columns/codec-for.js';
import { SKIPPED } from '../columns/column-codec.js';
import { columnTypeFor } from '../columns/column-type.js';
import { widerType } from '../columns/wider-type.js';
import type { SinkSettings } from '../config/sink-settings.js';
import { errorCode } from '../connection/error-code.js';
import type { Session } from '../connection/session.js';
import { collectionName, parseTableName, readsSource } from '../naming/collection-name.js';
import { catalogName, quoteLiteral, quoteTable, type TableName } from '../naming/identifier.js';
import { CopyBuffer } from '../rows/copy-buffer.js';
import { recordShape, type RecordShape } from '../rows/record-shape.js';
import { RowEncoder } from '../rows/row-encoder.js';
import { envelopeCodecs, type KeyPlan, type PlannedField, type RowPlan, structCodecs } from '../rows/row-plan.js';
import { type NewColumn, TableEvolution } from './table-evolution.js';
import { currentSchema, readTargetTable, readType, type TargetTable } from './target-table.js';
import { type PlannedKey, plannedKey, type WantedField } from './planned-key.js';

/** A view or a generated column needs it, it is part of a partition key, or the table is another's. */
const UNCHANGEABLE = new Set(['0A000', '42P16', '42501', '42809']);

/** A field and the column it belongs to. */
interface WantedColumn extends WantedField {
  readonly name: string;
  readonly primary: boolean;
}

/** Finds or makes the table for records of a kind, and compiles how they become its rows. Keeps what it has read until `forget`. */
export class RowPlanner {
  private readonly tables = new Map<string, TargetTable>();
  /** Grows when a table has changed: plans made before are of the past. */
  generation = 0;
  private readonly evolution: TableEvolution;

  /** Columns that could not be changed, with the types. */
  private readonly unchangeable = new Set<string>();

  constructor(
    private readonly settings: SinkSettings,
    private readonly logger: ConnectLogger,
  ) {
    this.evolution = new TableEvolution(settings.connection);
  }

  forget(): void {
    this.tables.clear();
  }

  /** Whether records of one topic with the same schemas may belong to different tables. */
  get dependsOnRecord(): boolean {
    return readsSource(this.settings.nameFormat);
  }

  /** The table's name for a record. Throws DataError if the record lacks what the format asks for. */
  tableName(record: SinkRecord): TableName {
    const text = this.settings.tables.get(record.topic) ?? collectionName(this.settings.nameFormat, record.topic, (field) => sourceField(record, field));
    return parseTableName(text, this.settings.quoteIdentifiers);
  }

  /**
   * Null: records like this one are passed over. Throws DataError if they cannot be rows, ConnectError if the table does not fit and may not be changed.
   */
  async plan(session: Session, record: SinkRecord): Promise<RowPlan | null> {
    const shape = recordShape(record);
    if (!shape) return null;
    // As Debezium does: elsewhere a tombstone has no key.
    if (shape.kind === 'none' && this.settings.keyMode !== 'record_key') return null;
    const key = plannedKey(record, shape, this.settings);
    const row = this.rowFields(record.topic, shape, key);
    const name = this.tableName(record);
    const wanted = this.wantedColumns(key, row);
    const table = await this.fittingTable(session, { name, wanted, canCreate: shape.kind !== 'none' && key.from !== 'missing' });
    return table === undefined ? null : compile({ table, shape, key, row, quoted: this.settings.quoteIdentifiers });
  }

  private rowFields(topic: string, shape: RecordShape, key: PlannedKey): WantedField[] {
    if (shape.kind === 'none') return [];
    const keys = new Set(key.fields.map((it) => catalogName(it.field, this.settings.quoteIdentifiers)));
    return shape.row.fields
      .filter((it) => this.settings.includeField(topic, it.name) && !keys.has(catalogName(it.name, this.settings.quoteIdentifiers)))
      .map((it) => ({ field: it.name, schema: it.schema }));
  }

  private wantedColumns(key: PlannedKey, row: readonly WantedField[]): WantedColumn[] {
    const columns = [...key.fields.map((it) => ({ ...it, primary: true })), ...row.map((it) => ({ ...it, primary: false }))].map((it) => ({ ...it, name: catalogName(it.field, this.settings.quoteIdentifiers) }));
    const names = new Set<string>();
    for (const { name, field } of columns) {
      if (names.has(name)) throw new DataError(`The field ${field} and another one have the same column ${name}: quote.identifiers=true keeps them apart if they differ by case`);
      names.add(name);
    }
    return columns;
  }

  private async fittingTable(session: Session, { name, wanted, canCreate }: { name: TableName; wanted: readonly WantedColumn[]; canCreate: boolean }): Promise<TargetTable | undefined> {
    const key = quoteTable(name);
    let table = this.tables.get(key) ?? (await readTargetTable(session, name));
    if (!table) {
      if (!canCreate) return undefined;
      if (!this.settings.evolve) throw new ConnectError(`The table ${key} does not exist, and schema.evolution=none does not let it be created`);
      await this.evolution.createTable(await this.placed(session, name), await this.newColumns(session, wanted, true));
      table = await readTargetTable(session, name);
      if (!table) throw new ConnectError(`The table ${key} was created but is not found: is its schema in the search path?`);
    }
    const known = table.columns;
    const missing = wanted.filter((it) => !known.has(it.name));
    if (missing.length > 0) {
      const names = missing.map((it) => it.name).join(', ');
      if (!this.settings.evolve) throw new ConnectError(`The table ${key} has no column ${names}, and schema.evolution=none does not let it be added`);
      await this.evolution.addColumns(await this.placed(session, name), await this.newColumns(session, missing, false));
      table = await readTargetTable(session, name);
      if (!table || missing.some((it) => !table?.columns.has(it.name))) throw new ConnectError(`The column ${names} was added to ${key} but is not found`);
    }
    table = await this.widened(session, table, wanted);
    this.checkKey(table, key, wanted);
    if (this.tables.has(key) && this.tables.get(key) !== table) this.generation += 1;
    this.tables.set(key, table);
    return table;
  }

  /** Columns of the table that are too narrow for a schema are changed; one that cannot be (a view needs it, say) stays, and takes what fits. */
  private async widened(session: Session, table: TargetTable, wanted: readonly WantedColumn[]): Promise<TargetTable> {
    if (!this.settings.evolve) return table;
    let isChanged = false;
    for (const { name, schema } of wanted) {
      const column = table.columns.get(name);
      const sqlType = column && widerType(schema, column.sqlType);
      const id = `${table.sqlName} ${name} ${sqlType ?? ''}`;
      if (sqlType === undefined || this.unchangeable.has(id)) continue;
      try {
        await this.evolution.widenColumn(table.sqlName, { name, sqlType });
        isChanged = true;
      } catch (error) {
        if (!UNCHANGEABLE.has(errorCode(error) ?? '')) throw error;
        this.unchangeable.add(id);
        this.logger.warn({ table: table.sqlName, column: name, type: sqlType, error: String(error) }, 'A column cannot be made wider: it takes what fits');
      }
    }
    if (!isChanged) return table;
    await session.forgetPrepared();
    return (await readTargetTable(session, table.name)) ?? table;
  }

  private checkKey(table: TargetTable, name: string, wanted: readonly WantedColumn[]): void {
    if (this.settings.insertMode !== 'upsert') return;
    const key = wanted.filter((it) => it.primary).map((it) => it.name);
    if (key.length === 0) return;
    const sorted = key.slice().sort().join('\0');
    if (table.uniqueKeys.some((it) => it.join('\0') === sorted)) return;
    throw new ConnectError(`The table ${name} has no primary key or unique index on (${key.join(', ')}), which insert.mode=upsert needs`);
  }

  private async placed(session: Session, name: TableName): Promise<TableName & { readonly schema: string }> {
    const schema = name.schema ?? (await currentSchema(session));
    if (schema === undefined) throw new ConnectError('There is no schema in the search path to create a table in');
    return { schema, name: name.name };
  }

  private async newColumns(session: Session, wanted: readonly WantedColumn[], isNewTable: boolean): Promise<NewColumn[]> {
    const columns: NewColumn[] = [];
    for (const { name, schema, primary } of wanted) {
      const choice = columnTypeFor(schema, this.settings.postgisSchema);
      const sqlType = choice.fallback !== undefined && !(await readType(session, choice.sql)) ? choice.fallback : choice.sql;
      const defaultSql = await this.defaultSql(session, schema, sqlType);
      // A table with rows takes a required column only if it has a default.
      const nullable = !primary && (schema.optional || (!isNewTable && defaultSql === undefined));
      columns.push({ name, sqlType, nullable, primary: primary && isNewTable, defaultSql });
    }
    return columns;
  }

  private async defaultSql(session: Session, schema: Schema, sqlType: string): Promise<string | undefined> {
    if (schema.default === undefined || schema.default === null) return undefined;
    const type = await readType(session, sqlType);
    if (!type) return undefined;
    const text = new CopyBuffer(true, 256);
    const encoder = new RowEncoder(text);
    encoder.begin();
    encoder.writeOne(schema, schema.default, encodingFor(schema, type).codec);
    return `${quoteLiteral(text.slice(0, text.length)).trimStart()}::${sqlType}`;
  }
}

interface Compiled {
  readonly table: TargetTable;
  readonly shape: RecordShape;
  readonly key: PlannedKey;
  readonly row: readonly WantedField[];
  readonly quoted: boolean;
}

function compile({ table, shape, key, row, quoted }: Compiled): RowPlan {
  const keyFields = key.fields.map((it) => plannedField(table, it, quoted)).filter((it) => it !== undefined);
  const rowFields = row.map((it) => plannedField(table, it, quoted)).filter((it) => it !== undefined);
  const envelope = shape.kind === 'none' ? undefined : shape.envelope;
  return {
    table,
    shape: shape.kind,
    key: keyPlan(key, keyFields),
    keyColumns: keyFields.map((it) => it.column),
    columns: [...keyFields, ...rowFields].map((it) => it.column),
    rowCodecs: shape.kind === 'none' ? [] : structCodecs(shape.row, rowFields),
    envelopeCodecs: envelopeCodecs(envelope, 'after'),
    beforeCodecs: envelopeCodecs(envelope, 'before'),
  };
}

function keyPlan(key: PlannedKey, fields: readonly PlannedField[]): KeyPlan {
  switch (key.from) {
    case 'key':
      return { from: 'key', codecs: structCodecs(key.struct, fields) };
    case 'row':
      return { from: 'row', codecs: structCodecs(key.struct, fields) };
    case 'key value':
      return { from: 'key value', codec: fields[0]?.codec ?? SKIPPED };
    case 'coordinates':
      return { from: 'coordinates', codecs: fields.map((it) => it.codec) };
    case 'headers':
      return { from: 'headers', fields };
    case 'missing':
      return { from: 'missing', reason: key.reason };
    case 'nowhere':
      return { from: 'nowhere' };
  }
}

/** Undefined: the server computes the column. */
function plannedField(table: TargetTable, { field, schema }: WantedField, quoted: boolean): PlannedField | undefined {
  const column = table.columns.get(catalogName(field, quoted));
  if (!column || column.generated) return undefined;
  const target: TargetType = column.type;
  const { codec, readAs } = encodingFor(schema, target);
  return { field, schema, codec, column: { name: column.name, baseType: column.baseType, stageType: readAs ?? column.sqlType, readAs } };
}

function sourceField(record: SinkRecord, field: string): string {
  const { value } = record;
  const envelope = value !== null && typeof value === 'object' && 'visit' in value ? value : null;
  const source = envelope !== null && envelope.schema.field('source') ? envelope.get('source') : null;
  const text = source !== null && typeof source === 'object' && 'visit' in source && source.schema.field(field) ? source.get(field) : null;
  if (text === null) throw new DataError(`The record has no source.${field}, which collection.name.format asks for`);
  return String(text);
}
