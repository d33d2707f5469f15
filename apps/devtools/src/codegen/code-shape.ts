import { includes, type Field, type FieldType, type Message, type Primitive, type Struct, type VersionRange } from './schema-model.js';

/** A struct of a message with the versions in which it can stand on the wire. */
export interface PlacedStruct {
  readonly struct: Struct;
  /** The function suffix and type path of the struct: `FetchRequestTopic`. */
  readonly id: string;
  /** How types name it: `FetchRequest.Topic`, or `FetchRequest` for the root. */
  readonly typeName: string;
  readonly inputName: string;
  readonly versions: VersionRange;
}

export function intersect(a: VersionRange, b: VersionRange | undefined): VersionRange {
  return b === undefined ? a : { low: Math.max(a.low, b.low), high: Math.min(a.high, b.high) };
}

/** Every struct of the message, children before parents. */
export function placeStructs(message: Message): Map<Struct, PlacedStruct> {
  const ranges = new Map<Struct, VersionRange>();
  const visit = (struct: Struct, versions: VersionRange): void => {
    const known = ranges.get(struct);
    const joined = known === undefined ? versions : { low: Math.min(known.low, versions.low), high: Math.max(known.high, versions.high) };
    for (const field of struct.fields) {
      const nested = structOf(field.type);
      if (nested !== undefined) visit(nested, intersect(joined, field.versions));
    }
    ranges.delete(struct);
    ranges.set(struct, joined);
  };
  visit(message.root, message.versions);
  const placed = new Map<Struct, PlacedStruct>();
  for (const [struct, versions] of ranges) {
    const root = struct === message.root;
    placed.set(struct, {
      struct,
      versions,
      id: root ? message.name : `${message.name}${struct.name}`,
      typeName: root ? message.name : `${message.name}.${struct.name}`,
      inputName: root ? `${message.name}Input` : `${message.name}Input.${struct.name}`,
    });
  }
  return placed;
}

function structOf(type: FieldType): Struct | undefined {
  if (type.kind === 'struct') return type.struct;
  return type.kind === 'array' ? structOf(type.element) : undefined;
}

/** The TypeScript condition for "version is in `range`", given that it is in `known`; true or false when that is settled already. */
export function condition(range: VersionRange | undefined, known: VersionRange): string | boolean {
  if (range === undefined || (range.low <= known.low && range.high >= known.high)) return true;
  if (range.low > known.high || range.high < known.low) return false;
  if (range.low === range.high) return `version === ${range.low}`;
  const parts: string[] = [];
  if (range.low > known.low) parts.push(`version >= ${range.low}`);
  if (range.high < known.high) parts.push(`version <= ${range.high}`);
  return parts.join(' && ');
}

export function flexibleCondition(message: Message, known: VersionRange): string | boolean {
  if (message.flexibleFrom === null) return false;
  return condition({ low: message.flexibleFrom, high: Number.MAX_SAFE_INTEGER }, known);
}

/** `test ? yes : no`, folded when the test is settled. */
export function choose(test: string | boolean, yes: string, no: string): string {
  if (typeof test === 'boolean') return test ? yes : no;
  return `${test} ? ${yes} : ${no}`;
}

const FIXED_BYTES: Partial<Record<Primitive, number>> = { bool: 1, int8: 1, int16: 2, uint16: 2, int32: 4, uint32: 4, int64: 8, float64: 8, uuid: 16 };

/** The fewest bytes that a value takes in any version of `versions`: what an array's count is bounded by. */
export function bytesMin(type: FieldType, message: Message, versions: VersionRange): number {
  let min = Number.POSITIVE_INFINITY;
  for (let version = versions.low; version <= versions.high; version++) {
    min = Math.min(min, bytesMinAt(type, message, version));
  }
  return Math.max(1, min);
}

function bytesMinAt(type: FieldType, message: Message, version: number): number {
  const flexible = message.flexibleFrom !== null && version >= message.flexibleFrom;
  if (type.kind === 'array') return flexible ? 1 : 4;
  if (type.kind === 'primitive') return FIXED_BYTES[type.primitive] ?? (flexible ? 1 : type.primitive === 'string' ? 2 : 4);
  let size = flexible ? 1 : 0;
  for (const field of type.struct.fields) {
    if (field.tag !== undefined || !includes(field.versions, version)) continue;
    size += field.nullable !== undefined && field.type.kind === 'struct' ? 1 : bytesMinAt(field.type, message, version);
  }
  return size;
}

/** Whether an Input may leave the field out. */
export function isOptional(field: Field): boolean {
  return field.default !== undefined || field.tag !== undefined || field.versions !== undefined;
}

export function defaultExpression(field: Field, placed: Map<Struct, PlacedStruct>): string {
  const { type } = field;
  if (field.default === 'null') return 'null';
  if (type.kind === 'array') return '[]';
  if (type.kind === 'struct') return `default${placed.get(type.struct)?.id ?? ''}()`;
  if (field.default !== undefined) {
    if (type.primitive === 'string') return `'${field.default}'`;
    return field.exact ? `${field.default}n` : field.default;
  }
  switch (type.primitive) {
    case 'bool':
      return 'false';
    case 'string':
      return `''`;
    case 'uuid':
      return 'ZERO_UUID';
    case 'bytes':
      return 'NO_BYTES';
    case 'records':
      return field.nullable === undefined ? 'NO_BYTES' : 'null';
    default:
      return field.exact ? '0n' : '0';
  }
}

/** An expression that is true when `value` is not the field's default. */
export function isNotDefault(field: Field, value: string, placed: Map<Struct, PlacedStruct>): string {
  const { type } = field;
  const byDefaultNull = defaultExpression(field, placed) === 'null';
  if (byDefaultNull) return `${value} !== null`;
  const orNull = field.nullable === undefined ? '' : `${value} === null || `;
  if (type.kind === 'array') return `${orNull}${value}.length !== 0`;
  if (type.kind === 'struct') return `${orNull}!isDefault${placed.get(type.struct)?.id ?? ''}(${value})`;
  if (type.primitive === 'bytes' || type.primitive === 'records') return `${orNull}${value}.length !== 0`;
  return `${value} !== ${defaultExpression(field, placed)}`;
}
