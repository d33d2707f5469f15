import { DataError, JsonWriter, LazyStruct, type Schema, type SinkRecord, Struct, type Value } from '@millrace/connect-api';
import { type Options, stringify } from 'csv-stringify/sync';
import { JSON_FORM } from './json-form.js';
import { partText } from './json-lines.js';
import type { EncodedRecord, OutputField, RecordFormat } from './record-format.js';
import { scalarText } from './scalar-text.js';

export interface CsvOptions {
  readonly fields: readonly OutputField[];
  /** The columns of the value; empty: all, as the first record of a file has them. */
  readonly columns: readonly string[];
  readonly hasHeader: boolean;
  readonly delimiter: string;
}

type Cell = string | null;

/** RFC 4180: CRLF, quotes where needed; null is an empty cell, an empty text is `""`. Values with parts are JSON. */
export class Csv implements RecordFormat {
  readonly extension = '.csv';
  private readonly writer = new JsonWriter(JSON_FORM);
  private readonly csvOptions: Options;
  private readonly shapes = new WeakMap<Schema, string>();

  constructor(private readonly options: CsvOptions) {
    this.csvOptions = {
      delimiter: options.delimiter,
      record_delimiter: '\r\n',
      quoted_match: /[\r\n]/,
      cast: { string: (it) => (it === '' ? { value: '', quoted_empty: true } : it) },
    };
  }

  encode(record: SinkRecord): EncodedRecord {
    const cells: Cell[] = [];
    let columns: readonly string[] | undefined;
    for (const field of this.options.fields) {
      if (field === 'value') columns = this.addValue(record, cells);
      else cells.push(this.partCell(record, field));
    }
    return { content: stringify([cells], this.csvOptions), shape: this.shape(record.valueSchema, columns ?? []) };
  }

  head(shape: string): string {
    return this.options.hasHeader ? stringify([JSON.parse(shape) as string[]], this.csvOptions) : '';
  }

  /** The cells of the value; answers its columns, or nothing for the usual ones of its schema. */
  private addValue(record: SinkRecord, cells: Cell[]): readonly string[] | undefined {
    const { value, valueSchema } = record;
    const { columns } = this.options;
    if (value instanceof Struct || value instanceof LazyStruct) {
      const struct = value instanceof Struct ? value : value.toStruct();
      const { schema } = struct;
      if (columns.length === 0) {
        for (const field of schema.fields) cells.push(this.cell(struct.at(field.index), field.schema));
        return schema.fields.map((it) => it.name);
      }
      for (const name of columns) {
        const field = schema.field(name);
        cells.push(field ? this.cell(struct.at(field.index), field.schema) : null);
      }
      return columns;
    }
    if (value instanceof Map) {
      const names = columns.length > 0 ? columns : [...value.keys()].map((it) => (typeof it === 'string' ? it : scalarText(it)));
      for (const name of names) cells.push(this.cell(value.get(name) ?? null, valueSchema?.valueSchema ?? null));
      return names;
    }
    if (columns.length > 0) throw new DataError('the value has no fields, so it cannot fill the columns of csv.columns');
    cells.push(this.cell(value, valueSchema));
    return ['value'];
  }

  private cell(value: Value, schema: Schema | null): Cell {
    if (value === null) return null;
    if (Array.isArray(value) || value instanceof Map || value instanceof Struct || value instanceof LazyStruct) return this.writer.textOf(schema, value);
    return scalarText(value, schema);
  }

  private partCell(record: SinkRecord, field: Exclude<OutputField, 'value'>): Cell {
    if (field === 'key') return this.cell(record.key, record.keySchema);
    if (field === 'topic') return record.topic;
    const text = partText(record, field, this.writer);
    return text === 'null' ? null : field === 'timestamp' ? (JSON.parse(text) as string) : text;
  }

  /** The names of all columns, as JSON. */
  private shape(schema: Schema | null, columns: readonly string[]): string {
    const known = schema === null || schema.type !== 'struct' ? undefined : this.shapes.get(schema);
    if (known !== undefined) return known;
    const shape = JSON.stringify(this.options.fields.flatMap((it) => (it === 'value' ? columns : [it])));
    if (schema?.type === 'struct') this.shapes.set(schema, shape);
    return shape;
  }
}
