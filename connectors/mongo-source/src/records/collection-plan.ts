import type { Schema } from '@millrace/connect-api';
import type { JsonStyle } from '../bson/extended-json.js';
import type { SourceSettings } from '../config/source-settings.js';
import type { FieldFilter } from '../fields/field-selector.js';
import { envelopeSchema, keySchema } from './schemas.js';
import type { SourceBlock } from './source-block.js';

/** What is the same for all records of a collection. */
export interface CollectionPlan {
  readonly database: string;
  readonly collection: string;
  readonly topic: string;
  readonly keySchema: Schema;
  readonly envelope: Schema;
  readonly fields: FieldFilter | undefined;
  readonly source: SourceBlock;
  readonly documentStyle: JsonStyle;
  readonly changesStyle: JsonStyle;
}

const NOT_IN_TOPICS = /[^a-zA-Z0-9._-]/g;

/** The plans of captured collections, made when they are first seen. */
export class CollectionPlanner {
  private readonly plans = new Map<string, CollectionPlan | undefined>();
  private last: CollectionPlan | undefined;

  constructor(
    private readonly settings: SourceSettings,
    private readonly source: SourceBlock,
  ) {}

  /** Undefined: the collection is not captured. */
  planFor(database: string, collection: string): CollectionPlan | undefined {
    const { last } = this;
    if (last && last.database === database && last.collection === collection) return last;
    const namespace = `${database}.${collection}`;
    if (!this.plans.has(namespace)) this.plans.set(namespace, this.make(database, collection, namespace));
    return (this.last = this.plans.get(namespace));
  }

  private make(database: string, collection: string, namespace: string): CollectionPlan | undefined {
    const { settings, source } = this;
    if (!settings.filter.includes(database, collection)) return undefined;
    const { values, documentStyle, changesStyle } = settings;
    const topic = [values['topic.prefix'], database, collection].join(values['topic.delimiter']).replace(NOT_IN_TOPICS, '_');
    return { database, collection, topic, keySchema: keySchema(topic), envelope: envelopeSchema(topic), fields: settings.fields.filterFor(namespace), source, documentStyle, changesStyle };
  }
}
