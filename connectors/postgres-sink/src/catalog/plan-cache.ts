import type { Schema, SinkRecord } from '@millrace/connect-api';
import type { RowPlan } from '../rows/row-plan.js';

/** More kinds of records than that: begin anew. */
const PLANS_MAX = 5000;

/** Plans by topic and schemas: by the schemas' identity, and for schemas that are made again for each record, by their content. */
export class PlanCache {
  private lastTopic: string | undefined;
  private lastKeySchema: Schema | null = null;
  private lastValueSchema: Schema | null = null;
  private lastPlan: RowPlan | null | undefined;
  private readonly byContent = new Map<string, RowPlan | null>();
  private contents = new WeakMap<Schema, string>();

  /** Undefined: not known. `table` tells records of one kind apart that belong to different tables. */
  get(record: SinkRecord, table: string): RowPlan | null | undefined {
    if (table === '' && this.lastPlan !== undefined && record.topic === this.lastTopic && record.keySchema === this.lastKeySchema && record.valueSchema === this.lastValueSchema) return this.lastPlan;
    const plan = this.byContent.get(this.key(record, table));
    if (plan !== undefined) this.remember(record, plan);
    return plan;
  }

  set(record: SinkRecord, table: string, plan: RowPlan | null): void {
    if (this.byContent.size >= PLANS_MAX) this.byContent.clear();
    this.byContent.set(this.key(record, table), plan);
    this.remember(record, plan);
  }

  clear(): void {
    this.byContent.clear();
    this.lastPlan = undefined;
  }

  private remember(record: SinkRecord, plan: RowPlan | null): void {
    this.lastTopic = record.topic;
    this.lastKeySchema = record.keySchema;
    this.lastValueSchema = record.valueSchema;
    this.lastPlan = plan;
  }

  private key({ topic, keySchema, valueSchema, key }: SinkRecord, table: string): string {
    return `${table}\n${topic}\n${keySchema === null ? String(key === null) : this.content(keySchema)}\n${valueSchema === null ? '' : this.content(valueSchema)}`;
  }

  private content(schema: Schema): string {
    let text = this.contents.get(schema);
    if (text === undefined) {
      text = describe(schema);
      this.contents.set(schema, text);
    }
    return text;
  }
}

function describe(schema: Schema): string {
  const { type, optional, name, version, parameters } = schema;
  const head = JSON.stringify([type, optional, name, version, parameters, typeof schema.default, String(schema.default)]);
  if (type === 'struct') return `${head}{${schema.fields.map((it) => `${JSON.stringify(it.name)}:${describe(it.schema)}`).join(',')}}`;
  return `${head}${schema.keySchema ? `<${describe(schema.keySchema)}>` : ''}${schema.valueSchema ? `[${describe(schema.valueSchema)}]` : ''}`;
}
