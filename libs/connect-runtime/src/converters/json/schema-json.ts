import type { Schema } from '@millrace/connect-api';
import { JsonValueWriter } from './json-value-writer.js';
import type { JsonFormat } from './json-settings.js';

/** Writes schemas as the envelope's `schema` member: attributes in Java's order. */
export class SchemaJson {
  private readonly writer: JsonValueWriter;
  private readonly json;

  constructor(format: JsonFormat) {
    this.writer = new JsonValueWriter(format);
    this.json = this.writer.json;
  }

  /** A copy of the bytes. */
  bytes(schema: Schema): Uint8Array {
    this.json.length = 0;
    this.write(schema, undefined);
    return Uint8Array.from(this.json.buffer.subarray(0, this.json.length));
  }

  private write(schema: Schema, fieldName: string | undefined): void {
    const { json } = this;
    json.ascii(`{"type":"${schema.type}"`);
    if (schema.type === 'array') this.part('items', schema.valueSchema);
    else if (schema.type === 'map') {
      this.part('keys', schema.keySchema);
      this.part('values', schema.valueSchema);
    } else if (schema.type === 'struct') this.fields(schema);
    json.ascii(`,"optional":${schema.optional}`);
    if (schema.name !== undefined) this.text('name', schema.name);
    if (schema.version !== undefined) json.ascii(`,"version":${schema.version}`);
    if (schema.doc !== undefined) this.text('doc', schema.doc);
    if (schema.parameters !== undefined) this.parameters(schema.parameters);
    if (schema.default !== undefined && schema.default !== null) {
      json.ascii(',"default":');
      this.writer.write(schema, schema.default);
    }
    if (fieldName !== undefined) this.text('field', fieldName);
    json.byte(0x7d);
  }

  private part(member: string, schema: Schema | undefined): void {
    this.json.ascii(`,"${member}":`);
    if (schema) this.write(schema, undefined);
    else this.json.ascii('null');
  }

  private fields(schema: Schema): void {
    this.json.ascii(',"fields":[');
    schema.fields.forEach((field, index) => {
      if (index > 0) this.json.byte(0x2c);
      this.write(field.schema, field.name);
    });
    this.json.byte(0x5d);
  }

  private parameters(parameters: Readonly<Record<string, string>>): void {
    this.json.ascii(',"parameters":{');
    Object.entries(parameters).forEach(([name, value], index) => {
      if (index > 0) this.json.byte(0x2c);
      this.json.string(name);
      this.json.byte(0x3a);
      this.json.string(value);
    });
    this.json.byte(0x7d);
  }

  private text(member: string, value: string): void {
    this.json.ascii(`,"${member}":`);
    this.json.string(value);
  }
}
