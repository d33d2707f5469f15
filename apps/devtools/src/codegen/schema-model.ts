/** An inclusive range of versions. */
export interface VersionRange {
  readonly low: number;
  readonly high: number;
}

export const PRIMITIVES = ['bool', 'int8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'float64', 'string', 'uuid', 'bytes', 'records'] as const;
export type Primitive = (typeof PRIMITIVES)[number];

export type FieldType =
  | { readonly kind: 'primitive'; readonly primitive: Primitive }
  | { readonly kind: 'struct'; readonly struct: Struct }
  | { readonly kind: 'array'; readonly element: Exclude<FieldType, { kind: 'array' }> };

export interface Field {
  readonly name: string;
  readonly type: FieldType;
  /** Versions that carry the field; undefined = each version in which its struct stands. */
  readonly versions?: VersionRange;
  /** Versions in which it may be null. */
  readonly nullable?: VersionRange;
  /** As written in the schema: a number, `true`, `false`, `null` or a text. */
  readonly default?: string;
  readonly tag?: number;
  /** A value is dropped silently in a version that does not carry the field. */
  readonly ignorable: boolean;
  /** Keeps the old length prefix in flexible versions. */
  readonly rigid: boolean;
  /** An int64 whose every bit matters: a bigint. */
  readonly exact: boolean;
}

export interface Struct {
  readonly name: string;
  readonly fields: readonly Field[];
}

export interface Message {
  readonly name: string;
  readonly versions: VersionRange;
  /** First flexible version; null = never. */
  readonly flexibleFrom: number | null;
  /** The number that names the message inside its log. */
  readonly key?: number;
  readonly root: Struct;
}

export interface ApiSchema {
  readonly key: number;
  readonly name: string;
  readonly versions: VersionRange;
  readonly flexibleFrom: number | null;
  /** What ApiVersions tells clients. */
  readonly advertised: VersionRange;
  /** The response header's version when it does not follow from flexibility. */
  readonly responseHeader?: number;
  readonly request: Message;
  readonly response: Message;
}

/** One file of `libs/protocol/schemas`: an API, or messages that stand alone. */
export interface SchemaFile {
  /** File name without its extension. */
  readonly name: string;
  readonly api?: ApiSchema;
  readonly messages: readonly Message[];
}

export function includes(range: VersionRange | undefined, version: number): boolean {
  return range === undefined || (version >= range.low && version <= range.high);
}
