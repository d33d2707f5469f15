import type { Schema } from './schema.js';
import { StructMaker } from './struct-maker.js';
import type { Struct } from './struct.js';
import type { Value } from './value.js';
import type { ValueWriter } from './value-writer.js';

/**
 * A struct that is still in the form in which it was read (a row of a database's protocol, a JSON payload): it can write itself
 * field by field without an object per value. A converter that writes bytes and a sink that writes columns never make it a Struct;
 * only a transform that asks for a field does.
 *
 * The bytes behind it must not change while the record is alive: until `poll` is called again (source) or `put` has resolved (sink).
 */
export abstract class LazyStruct {
  /** Of type struct. */
  abstract readonly schema: Schema;
  private struct: Struct | undefined;

  /** Writes the struct: `beginStruct`, each field of the schema in order (null where absent), `endStruct`. Repeatable. */
  abstract visit(writer: ValueWriter): void;

  /** The struct as values, made once. */
  toStruct(): Struct {
    return (this.struct ??= StructMaker.from(this));
  }

  /** One field's value, by way of `toStruct`. Throws DataError for a field that the schema does not have. */
  get(name: string): Value {
    return this.toStruct().get(name);
  }
}
