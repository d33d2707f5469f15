import { DataError, type Schema } from '@millrace/connect-api';
import { JsonBytes } from './json-bytes.js';

/** The parts of a struct's JSON that are the same for each record. */
export interface CompiledStruct {
  readonly schema: Schema;
  /** By field: `{"name":` for the first, `,"name":` for the rest. */
  readonly leads: readonly Uint8Array[];
  /** By field: the lead and what null becomes (`null`, or the default); absent where null is an error. */
  readonly nulls: readonly (Uint8Array | undefined)[];
  /** By field: of a struct field, once used. */
  readonly children: (CompiledStruct | undefined)[];
  /** By field: the string that was written last, with its bytes once it has come twice in a row (names of tables, constants). */
  readonly strings: (RepeatedString | undefined)[];
}

export interface RepeatedString {
  readonly text: string;
  /** Lead and string. */
  bytes: Uint8Array | undefined;
}

/** Compiles each schema once, by identity. */
export class StructCompiler {
  private readonly known = new WeakMap<Schema, CompiledStruct>();

  /** `writeDefault` gives the JSON of a default value, or undefined where null stays null. */
  constructor(private readonly defaultJson: (schema: Schema) => Uint8Array | undefined) {}

  of(schema: Schema): CompiledStruct {
    let compiled = this.known.get(schema);
    if (!compiled) {
      compiled = this.compile(schema);
      this.known.set(schema, compiled);
    }
    return compiled;
  }

  child(parent: CompiledStruct, field: number, schema: Schema): CompiledStruct {
    const known = parent.children[field];
    if (known?.schema === schema) return known;
    return (parent.children[field] = this.of(schema));
  }

  nullJson(schema: Schema | undefined): Uint8Array {
    const found = schema === undefined ? NULL : this.nullOf(schema);
    if (!found) throw new DataError('Conversion error: null value for field that is required and has no default value');
    return found;
  }

  private compile(schema: Schema): CompiledStruct {
    const leads: Uint8Array[] = [];
    const nulls: (Uint8Array | undefined)[] = [];
    for (const field of schema.fields) {
      const json = new JsonBytes();
      json.byte(field.index === 0 ? 0x7b : 0x2c);
      json.string(field.name);
      json.byte(0x3a);
      leads.push(Uint8Array.from(json.buffer.subarray(0, json.length)));
      const none = this.nullOf(field.schema);
      if (none) json.raw(none);
      nulls.push(none && Uint8Array.from(json.buffer.subarray(0, json.length)));
    }
    return { schema, leads, nulls, children: new Array<CompiledStruct | undefined>(leads.length), strings: new Array<RepeatedString | undefined>(leads.length) };
  }

  private nullOf(schema: Schema): Uint8Array | undefined {
    return this.defaultJson(schema) ?? (schema.optional ? NULL : undefined);
  }
}

const NULL = Buffer.from('null', 'latin1');
