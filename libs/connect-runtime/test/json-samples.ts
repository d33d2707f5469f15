import fc from 'fast-check';
import { DATE_NAME, Decimal, decimalSchema, Schema, Struct, TIME_NAME, TIMESTAMP_NAME, type Value } from '@millrace/connect-api';

export interface Sample {
  readonly schema: Schema;
  readonly value: Value;
}

/** Doubles that every JDK prints alike: the shortest text is not in doubt. */
const plainDouble = fc.tuple(fc.integer({ min: -10_000_000, max: 10_000_000 }), fc.constantFrom(1, 2, 4, 8, 1000, 1e-9, 1e9)).map(([a, b]) => a / b);
const text = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 60 }), fc.string({ maxLength: 20 }), fc.constantFrom('', '"\\\b\f\n\r\t\u0001\u001f/', 'ünïcödé 😀', 'x'.repeat(300)));

function leaf(type: Schema, values: fc.Arbitrary<Value>): fc.Arbitrary<{ schema: Schema; values: fc.Arbitrary<Value> }> {
  return fc.boolean().map((optional) => ({ schema: type.with({ ...optionsOf(type), optional }), values: optional ? fc.option(values, { nil: null }) : values }));
}

function optionsOf(schema: Schema): { name?: string; version?: number; parameters?: Readonly<Record<string, string>> } {
  const { name, version, parameters } = schema;
  return { name, version, parameters };
}

const leaves = fc.oneof(
  leaf(Schema.of('boolean'), fc.boolean()),
  leaf(Schema.of('int8'), fc.integer({ min: -128, max: 127 })),
  leaf(Schema.of('int16'), fc.integer({ min: -32768, max: 32767 })),
  leaf(Schema.of('int32'), fc.integer()),
  leaf(Schema.of('int64', { name: 'io.debezium.time.MicroTimestamp', version: 1 }), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
  leaf(Schema.of('double'), plainDouble),
  leaf(Schema.of('string'), text),
  leaf(Schema.of('bytes'), fc.uint8Array({ maxLength: 120 })),
  leaf(decimalSchema(3), fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n }).map((it) => new Decimal(it, 3))),
  leaf(Schema.of('int32', { name: DATE_NAME, version: 1 }), fc.integer({ min: -100_000, max: 100_000 }).map((it) => new Date(it * 86_400_000))),
  leaf(Schema.of('int32', { name: TIME_NAME, version: 1 }), fc.integer({ min: 0, max: 86_399_999 }).map((it) => new Date(it))),
  leaf(Schema.of('int64', { name: TIMESTAMP_NAME, version: 1 }), fc.integer({ min: -1e12, max: 2e12 }).map((it) => new Date(it))),
);

const { node } = fc.letrec<{ node: { schema: Schema; values: fc.Arbitrary<Value> } }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaves,
    tie('node').map((it) => ({ schema: Schema.array(it.schema), values: fc.array(it.values, { maxLength: 4 }) })),
    tie('node').map((it) => ({ schema: Schema.map(Schema.of('string'), it.schema), values: fc.tuple(text, it.values).map(([key, value]): Value => new Map<Value, Value>([[key, value]])) })),
    tie('node').map((it) => ({ schema: Schema.map(Schema.of('int32'), it.schema), values: fc.tuple(fc.integer(), it.values).map(([key, value]): Value => new Map<Value, Value>([[key, value]])) })),
    fc.tuple(fc.uniqueArray(fc.string({ minLength: 1, maxLength: 12, unit: fc.constantFrom('a', 'b', '_', 'é', '"', '1') }), { minLength: 1, maxLength: 5 }), fc.array(tie('node'), { minLength: 5, maxLength: 5 })).map(([names, parts]) => structOf(names, parts)),
  ),
}));

function structOf(names: readonly string[], parts: readonly { schema: Schema; values: fc.Arbitrary<Value> }[]): { schema: Schema; values: fc.Arbitrary<Value> } {
  const used = parts.slice(0, names.length);
  const schema = Schema.struct(
    names.map((name, i) => [name, used[i]!.schema] as const),
    { name: 'test.Value', version: 2 },
  );
  const values = fc.tuple(...used.map((it) => it.values)).map((row): Value => {
    const struct = new Struct(schema);
    row.forEach((value, i) => struct.setAt(i, value));
    return struct;
  });
  return { schema, values };
}

/** Random schemas with values that fit them. */
export const samples: fc.Arbitrary<Sample> = node.chain(({ schema, values }) => values.map((value) => ({ schema, value })));
