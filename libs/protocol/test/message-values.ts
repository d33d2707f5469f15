import fc from 'fast-check';
import { ByteReader, ByteWriter, ZERO_UUID } from '@millrace/foundation';
import { includes, type Field, type FieldType, type Struct, type Subject } from './schemas.js';

export type Value = null | boolean | number | bigint | string | Uint8Array | readonly Value[] | { readonly [name: string]: Value };

const INTEGERS: Record<string, { min: number; max: number }> = {
  int8: { min: -128, max: 127 },
  int16: { min: -32768, max: 32767 },
  uint16: { min: 0, max: 65535 },
  int32: { min: -(2 ** 31), max: 2 ** 31 - 1 },
  uint32: { min: 0, max: 2 ** 32 - 1 },
};

function primitive(field: Field, name: string): fc.Arbitrary<Value> {
  const range = INTEGERS[name];
  if (range !== undefined) return fc.integer(range);
  switch (name) {
    case 'bool':
      return fc.boolean();
    case 'int64':
      return field.exact ? fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) : fc.maxSafeInteger();
    case 'float64':
      return fc.double({ noNaN: true, noDefaultInfinity: true }).map((it) => (it === 0 ? 0 : it));
    case 'string':
      return fc.oneof({ weight: 8, arbitrary: fc.string({ unit: 'grapheme', maxLength: 12 }) }, { weight: 1, arbitrary: fc.integer({ min: 40, max: 130 }).map((size) => 'é'.repeat(size)) });
    case 'uuid':
      return fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('base64url'));
    case 'bytes':
    case 'records':
      return fc.uint8Array({ maxLength: 24 });
    default:
      throw new Error(`unknown primitive ${name}`);
  }
}

function ofType(field: Field, type: FieldType, version: number): fc.Arbitrary<Value> {
  if (type.kind === 'array') return fc.array(ofType(field, type.element, version), { maxLength: 3 });
  return type.kind === 'struct' ? structValue(type.struct, version) : primitive(field, type.primitive);
}

function fieldValue(field: Field, version: number): fc.Arbitrary<Value> {
  if (!includes(field.versions, version)) return fc.constant(defaultValue(field));
  const value = ofType(field, field.type, version);
  const nullable = field.nullable !== undefined && includes(field.nullable, version);
  const orNull = nullable ? fc.option(value, { freq: 4 }) : value;
  return field.tag === undefined ? orNull : fc.oneof({ weight: 2, arbitrary: orNull }, { weight: 1, arbitrary: fc.constant(defaultValue(field)) });
}

function structValue(struct: Struct, version: number): fc.Arbitrary<Value> {
  return fc.record(Object.fromEntries(struct.fields.map((field) => [field.name, fieldValue(field, version)])), { noNullPrototype: true });
}

/** Whole values as a decoder returns them, with defaults where the version has no field. */
export function messageValue(subject: Subject, version: number): fc.Arbitrary<Value> {
  return structValue(subject.root, version);
}

export function defaultValue(field: Field): Value {
  const { type } = field;
  if (field.default === 'null') return null;
  if (type.kind === 'array') return [];
  if (type.kind === 'struct') return Object.fromEntries(type.struct.fields.map((it) => [it.name, defaultValue(it)]));
  const text = field.default;
  switch (type.primitive) {
    case 'bool':
      return text === 'true';
    case 'string':
      return text ?? '';
    case 'uuid':
      return ZERO_UUID;
    case 'bytes':
      return new Uint8Array(0);
    case 'records':
      return field.nullable === undefined ? new Uint8Array(0) : null;
    default:
      return field.exact ? BigInt(text ?? 0) : Number(text ?? 0);
  }
}

/** One text for equal values: bytes as hex, whatever class holds them. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, it: unknown) => {
    if (typeof it === 'bigint') return `${it}n`;
    if (it instanceof Uint8Array) return `0x${Buffer.from(it).toString('hex')}`;
    if (typeof it === 'object' && it !== null && 'type' in it && it.type === 'Buffer' && 'data' in it) return `0x${Buffer.from(it.data as number[]).toString('hex')}`;
    return it;
  });
}

/** The value as Kafka's JSON converters read it: only the fields of the version, no tagged field that has its default, bytes as base64. */
export function kafkaJson(struct: Struct, value: Value, version: number): string {
  const object = value as Record<string, Value>;
  const members = struct.fields.flatMap((field) => {
    const it = object[field.name] ?? null;
    if (!includes(field.versions, version) || (field.tag !== undefined && canonical(it) === canonical(defaultValue(field)))) return [];
    return [`${JSON.stringify(field.name)}:${kafkaJsonOf(field.type, it, version)}`];
  });
  return `{${members.join(',')}}`;
}

function kafkaJsonOf(type: FieldType, value: Value, version: number): string {
  if (value === null) return 'null';
  if (type.kind === 'array') return `[${(value as Value[]).map((it) => kafkaJsonOf(type.element, it, version)).join(',')}]`;
  if (type.kind === 'struct') return kafkaJson(type.struct, value, version);
  if (value instanceof Uint8Array) return `"${Buffer.from(value).toString('base64')}"`;
  if (type.primitive === 'float64' && Number.isInteger(value)) return (value as number).toExponential();
  return typeof value === 'bigint' ? value.toString() : JSON.stringify(value);
}

export function encode(subject: Subject, value: Value, version: number): Uint8Array {
  const writer = new ByteWriter();
  subject.codec.encode(writer, value as never, version);
  return writer.take();
}

/** Decodes all of the bytes; throws when some are left. */
export function decode(subject: Subject, bytes: Uint8Array, version: number): object {
  const reader = new ByteReader(bytes);
  const value = subject.codec.decode(reader, version);
  if (reader.remaining !== 0) throw new Error(`${reader.remaining} bytes left`);
  return value;
}
