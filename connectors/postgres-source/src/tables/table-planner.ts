import type { SourceSettings } from '../config/source-settings.js';
import type { SqlSession } from '../connection/sql-session.js';
import type { TypeMapping } from '../columns/encoders/encode.js';
import { sourceTypeOf } from '../columns/source-type.js';
import { withParameters, withTextRule } from '../columns/text-rules.js';
import { TypeMapper } from '../columns/type-mapping.js';
import { fieldName, schemaName, type NameAdjustment } from '../config/name-adjustment.js';
import { TypeRegistry, type PgType } from '../columns/type-registry.js';
import type { Relation } from '../wire/pgoutput.js';
import { columnDefault } from './column-default.js';
import { readTable, type CatalogColumn, type CatalogTable, type TableName } from './table-catalog.js';
import { TablePlan, type ColumnInput } from './table-plan.js';

interface RawColumn {
  readonly name: string;
  readonly typeOid: number;
  readonly typeModifier: number;
}

const INVALID_IN_TOPICS = /[^a-zA-Z0-9._-]/gu;
const TOPIC_NAME_MAX = 249;

/** Makes the plans of tables: from the catalog for a snapshot, from the stream's own description and the catalog while streaming. */
export class TablePlanner {
  private readonly types = new TypeRegistry();
  private readonly mapper: TypeMapper;

  constructor(private readonly settings: SourceSettings) {
    this.mapper = new TypeMapper(this.types, settings);
  }

  topicOf(name: TableName): string {
    const { values } = this.settings;
    return sanitizedTopic([values['topic.prefix'], name.schema, name.table].join(values['topic.delimiter']));
  }

  /** Schemas are named after the topic. */
  private schemaBase(name: TableName): string {
    return this.topicOf(name);
  }

  async fromCatalog(session: SqlSession, table: CatalogTable): Promise<TablePlan> {
    return this.plan(session, table, table.columns, table, table.key);
  }

  /**
   * The columns and their types are those of the stream at its position; whether they are optional, their defaults and the primary
   * key are asked of the catalog, which may be ahead. `previous` serves when the table has gone since.
   */
  async fromRelation(session: SqlSession, relation: Relation, previousKey: readonly string[] | undefined): Promise<TablePlan> {
    const table = await readTable(session, relation);
    const identity = relation.columns.filter((it) => it.isIdentity && relation.identity !== 'f').map((it) => it.name);
    return this.plan(session, relation, relation.columns, table, table?.key ?? previousKey ?? identity);
  }

  /** Reads types again: an enum has a label that is not known. */
  forgetTypes(): void {
    this.types.clear();
    this.mapper.clear();
  }

  private async plan(session: SqlSession, name: TableName, columns: readonly RawColumn[], table: CatalogTable | undefined, key: readonly string[]): Promise<TablePlan> {
    await this.types.load(
      session,
      columns.map((it) => it.typeOid),
    );
    const { filter } = this.settings;
    const known = new Map(table?.columns.map((it) => [it.name, it]));
    const chosenKey = filter.keyColumns(name.schema, name.table);
    const { values } = this.settings;
    const fieldMode = values['field.name.adjustment.mode'].toLowerCase() as NameAdjustment;
    return new TablePlan({
      name,
      names: { topic: this.topicOf(name), schema: schemaName(values['schema.name.adjustment.mode'].toLowerCase() as NameAdjustment, this.schemaBase(name)), field: (it) => fieldName(fieldMode, it) },
      columns: columns.map((it) => this.input(name, it, known.get(it.name))),
      key: chosenKey ? columns.filter((it) => chosenKey.includes(it.name)).map((it) => it.name) : key,
    });
  }

  private input(name: TableName, column: RawColumn, known: CatalogColumn | undefined): ColumnInput {
    const type = this.types.get(column.typeOid);
    const mapping = this.mapper.mapping(column.typeOid, column.typeModifier);
    if (type && mapping) return { ...this.plainInput(name, column, known), mapping: this.ruled(name, column, known, type, mapping), keyMapping: mapping };
    return this.plainInput(name, column, known);
  }

  /** Masks, and the original type in the schema, where they are asked for. */
  private ruled(name: TableName, column: RawColumn, known: CatalogColumn | undefined, type: PgType, mapping: TypeMapping): TypeMapping {
    const { columnRules, values } = this.settings;
    const root = this.rootOf(type, column.typeModifier);
    const source = sourceTypeOf(type, root.type, root.modifier, { element: this.types.get(root.type.elementOid), isFromCatalog: 'isOptional' in column, isSerial: known?.defaultExpression?.startsWith('nextval(') ?? false });
    const rule = columnRules.textRule(name, column.name);
    if (rule) return withTextRule(mapping, root.type, rule, source.length);
    if (!columnRules.propagates(name, column.name, source.name)) return mapping;
    const comment = values['include.schema.comments'] ? known?.comment : undefined;
    return {
      ...mapping,
      schema: withParameters(mapping.schema, {
        '__debezium.source.column.type': source.name.toUpperCase(),
        '__debezium.source.column.length': String(source.length),
        ...(source.scale === undefined ? {} : { '__debezium.source.column.scale': String(source.scale) }),
        ...(comment ? { '__debezium.source.column.comment': comment } : {}),
        '__debezium.source.column.name': column.name,
      }),
    };
  }

  /** Below domains. */
  private rootOf(type: PgType, modifier: number): { type: PgType; modifier: number } {
    const base = type.kind === 'd' ? this.types.get(type.baseOid) : undefined;
    return base ? this.rootOf(base, type.baseModifier === -1 ? modifier : type.baseModifier) : { type, modifier };
  }

  private plainInput(name: TableName, column: RawColumn, known: CatalogColumn | undefined): ColumnInput {
    const type = this.types.get(column.typeOid);
    const mapping = this.mapper.mapping(column.typeOid, column.typeModifier);
    return {
      name: column.name,
      mapping,
      isOptional: known?.isOptional ?? true,
      defaultValue: type && mapping && known ? columnDefault(type, mapping, known) : undefined,
      isIncluded: this.settings.filter.includesColumn(name.schema, name.table, column.name),
      labels: this.enumOf(type)?.labels,
      comment: this.settings.values['include.schema.comments'] ? (known?.comment ?? null) : null,
    };
  }

  private enumOf(type: PgType | undefined): PgType | undefined {
    return type?.kind === 'e' ? type : type?.kind === 'd' ? this.enumOf(this.types.get(type.baseOid)) : undefined;
  }
}

function sanitizedTopic(name: string): string {
  const clean = name.replace(INVALID_IN_TOPICS, '_').slice(0, TOPIC_NAME_MAX);
  return clean === '.' || clean === '..' ? '_'.repeat(clean.length) : clean;
}
