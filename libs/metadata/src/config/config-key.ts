/** Types as DescribeConfigs numbers them. */
export const CONFIG_TYPES = { BOOLEAN: 1, STRING: 2, INT: 3, SHORT: 4, LONG: 5, DOUBLE: 6, LIST: 7, CLASS: 8, PASSWORD: 9 } as const;
export type ConfigType = keyof typeof CONFIG_TYPES;

/** A rule beyond the type; the text is what is wrong, or null. */
export type ConfigRule = (value: string, name: string) => string | null;

export interface ConfigKey {
  readonly name: string;
  readonly type: ConfigType;
  /** In text form, as DescribeConfigs shows it. Null: no value. */
  readonly defaultValue: string | null;
  readonly documentation: string;
  readonly rule?: ConfigRule;
  /** The rule is about a list as a whole, not about each part of it. */
  readonly isRuleOfWholeList?: boolean;
  readonly isSensitive?: boolean;
}

const LONG_MAX = 2n ** 63n - 1n;
const LONG_MIN = -(2n ** 63n);

export function atLeast(min: number): ConfigRule {
  return (value) => (Number(value) >= min ? null : `Value must be at least ${min}`);
}

export function between(min: number, max: number): ConfigRule {
  return (value) => (Number(value) < min ? `Value must be at least ${min}` : Number(value) > max ? `Value must be no more than ${max}` : null);
}

export function oneOf(...values: readonly string[]): ConfigRule {
  return (value) => (values.includes(value) ? null : `String must be one of: ${values.join(', ')}`);
}

export function listOf(...values: readonly string[]): ConfigRule {
  return (value) => (splitList(value).every((it) => values.includes(it)) ? null : `String must be one of: ${values.join(', ')}`);
}

/** A list in a setting: parts by comma, blanks around them do not count. */
export function splitList(value: string): string[] {
  return value.trim() === '' ? [] : value.split(',').map((it) => it.trim());
}

/** The text that stands for this value everywhere, or what is wrong with it in Kafka's words. */
export function parseConfigValue(key: ConfigKey, value: string): { readonly value: string } | { readonly problem: string } {
  const typed = parseType(key.type, value.trim());
  if ('problem' in typed) return { problem: invalid(key, value, typed.problem) };
  const broken = key.rule?.(typed.value, key.name) ?? null;
  return broken === null ? typed : { problem: invalid(key, key.type === 'LIST' ? badPart(key, typed.value) : typed.value, broken) };
}

function badPart(key: ConfigKey, value: string): string {
  if (key.isRuleOfWholeList === true) return `[${splitList(value).join(', ')}]`;
  return splitList(value).find((it) => (key.rule?.(it, key.name) ?? null) !== null) ?? value;
}

function invalid(key: ConfigKey, value: string, problem: string): string {
  return `Invalid value ${value} for configuration ${key.name}: ${problem}`;
}

function parseType(type: ConfigType, value: string): { readonly value: string } | { readonly problem: string } {
  switch (type) {
    case 'BOOLEAN': {
      const lower = value.toLowerCase();
      return lower === 'true' || lower === 'false' ? { value: lower } : { problem: 'Expected value to be either true or false' };
    }
    case 'INT':
      return parseInteger(value, type, -(2n ** 31n), 2n ** 31n - 1n);
    case 'SHORT':
      return parseInteger(value, type, -(2n ** 15n), 2n ** 15n - 1n);
    case 'LONG':
      return parseInteger(value, type, LONG_MIN, LONG_MAX);
    case 'DOUBLE':
      return /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(value) ? { value } : { problem: `Not a number of type ${type}` };
    case 'LIST':
      return { value: splitList(value).join(',') };
    case 'STRING':
    case 'CLASS':
    case 'PASSWORD':
      return { value };
  }
}

/** Canonical digits, so that a value beyond 2^53 keeps every digit. */
function parseInteger(value: string, type: ConfigType, min: bigint, max: bigint): { readonly value: string } | { readonly problem: string } {
  if (!/^[+-]?\d+$/.test(value)) return { problem: `Not a number of type ${type}` };
  const parsed = BigInt(value.startsWith('+') ? value.slice(1) : value);
  return parsed < min || parsed > max ? { problem: `Not a number of type ${type}` } : { value: parsed.toString() };
}
