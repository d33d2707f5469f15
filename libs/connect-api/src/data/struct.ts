import { DataError } from '../errors.js';
import type { Schema } from './schema.js';
import type { Value } from './value.js';
import type { ValueWriter } from './value-writer.js';
import { writeValue } from './write-value.js';

/** A struct with its schema: values by field, in the schema's order. */
export class Struct {
  private readonly values: (Value | undefined)[];

  constructor(
    /** Of type struct; shared by all structs of its kind. */
    readonly schema: Schema,
    values: Readonly<Record<string, Value>> = {},
  ) {
    this.values = new Array<Value | undefined>(schema.fields.length);
    for (const [name, value] of Object.entries(values)) this.set(name, value);
  }

  /** The field's value; its default, or null, where none was set. Throws DataError for a field that the schema does not have. */
  get(name: string): Value {
    return this.at(this.fieldIndex(name));
  }

  /** The same by position. */
  at(index: number): Value {
    return this.values[index] ?? this.schema.fields[index]?.schema.default ?? null;
  }

  /** What was set, or null: a default does not stand in for it. */
  withoutDefault(index: number): Value {
    return this.values[index] ?? null;
  }

  /** Replaces a field's value. It is checked against the schema when the struct is written, not here. Throws DataError for a field that the schema does not have. */
  set(name: string, value: Value): this {
    this.values[this.fieldIndex(name)] = value;
    return this;
  }

  /** The same by position, without a check. */
  setAt(index: number, value: Value): void {
    this.values[index] = value;
  }

  /** Writes the fields in order; see ValueWriter. */
  visit(writer: ValueWriter): void {
    if (!writer.beginStruct(this.schema)) return;
    const { fields } = this.schema;
    for (let i = 0; i < fields.length; i++) writeValue(fields[i]!.schema, this.at(i), writer);
    writer.endStruct();
  }

  private fieldIndex(name: string): number {
    const field = this.schema.field(name);
    if (!field) throw new DataError(`${name} is not a field of ${this.schema.name ?? 'this struct'}`);
    return field.index;
  }
}
