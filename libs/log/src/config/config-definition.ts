import { OperationalError } from '@millrace/foundation';

/** Kafka's config types, with the number that DescribeConfigs carries for each. */
export const CONFIG_TYPE_IDS = { boolean: 1, string: 2, int: 3, short: 4, long: 5, double: 6, list: 7, class: 8, password: 9 } as const;
export type ConfigType = keyof typeof CONFIG_TYPE_IDS;

/** One key: how its text is read and checked, its default and what it means. `T` is the value that code sees. */
export interface ConfigDefinition<T = unknown> {
  readonly type: ConfigType;
  /** As text; null is "not set". */
  readonly defaultText: string | null;
  readonly documentation: string;
  /** Throws a text that says what is wrong, without the key. */
  readonly parse: (text: string) => T;
}

export interface NumberBounds {
  readonly min?: number;
  readonly max?: number;
}

const INT_MAX = 2147483647;

/** Kafka's "for ever" (2^63-1) and everything else beyond 2^53 becomes the largest safe integer. */
function wholeNumber(text: string, low: number, high: number): number {
  const trimmed = text.trim();
  if (!/^[+-]?\d{1,19}$/.test(trimmed)) throw new OperationalError('INVALID_CONFIG', 'Not a number of the right type');
  const value = Number(trimmed);
  if (value < low) throw new OperationalError('INVALID_CONFIG', `Value must be at least ${low}`);
  if (value > high) throw new OperationalError('INVALID_CONFIG', `Value must be no more than ${high}`);
  return Math.min(value, Number.MAX_SAFE_INTEGER);
}

export function int(defaultText: string, documentation: string, bounds: NumberBounds = {}): ConfigDefinition<number> {
  return { type: 'int', defaultText, documentation, parse: (text) => wholeNumber(text, bounds.min ?? -INT_MAX - 1, bounds.max ?? INT_MAX) };
}

export function short(defaultText: string, documentation: string, bounds: NumberBounds = {}): ConfigDefinition<number> {
  return { type: 'short', defaultText, documentation, parse: (text) => wholeNumber(text, bounds.min ?? -32768, bounds.max ?? 32767) };
}

export function long(defaultText: string, documentation: string, bounds: NumberBounds = {}): ConfigDefinition<number> {
  return { type: 'long', defaultText, documentation, parse: (text) => wholeNumber(text, bounds.min ?? Number.NEGATIVE_INFINITY, bounds.max ?? Number.POSITIVE_INFINITY) };
}

export function double(defaultText: string, documentation: string, bounds: NumberBounds = {}): ConfigDefinition<number> {
  return {
    type: 'double',
    defaultText,
    documentation,
    parse: (text) => {
      const value = Number(text.trim());
      if (text.trim() === '' || Number.isNaN(value)) throw new OperationalError('INVALID_CONFIG', 'Not a number of type DOUBLE');
      if (value < (bounds.min ?? Number.NEGATIVE_INFINITY) || value > (bounds.max ?? Number.POSITIVE_INFINITY)) throw new OperationalError('INVALID_CONFIG', `Value must be between ${bounds.min} and ${bounds.max}`);
      return value;
    },
  };
}

export function boolean(defaultText: 'true' | 'false', documentation: string): ConfigDefinition<boolean> {
  return {
    type: 'boolean',
    defaultText,
    documentation,
    parse: (text) => {
      const lower = text.trim().toLowerCase();
      if (lower !== 'true' && lower !== 'false') throw new OperationalError('INVALID_CONFIG', 'Expected value to be either true or false');
      return lower === 'true';
    },
  };
}

export function string(defaultText: string, documentation: string, oneOf?: readonly string[]): ConfigDefinition<string> {
  return {
    type: 'string',
    defaultText,
    documentation,
    parse: (text) => {
      const trimmed = text.trim();
      if (oneOf !== undefined && !oneOf.includes(trimmed)) throw new OperationalError('INVALID_CONFIG', `String must be one of: ${oneOf.join(', ')}`);
      return trimmed;
    },
  };
}

export function list(defaultText: string, documentation: string, oneOf?: readonly string[]): ConfigDefinition<readonly string[]> {
  return {
    type: 'list',
    defaultText,
    documentation,
    parse: (text) => {
      const items = listItems(text);
      if (oneOf !== undefined) for (const item of items) if (!oneOf.includes(item)) throw new OperationalError('INVALID_CONFIG', `String must be one of: ${oneOf.join(', ')}`);
      return items;
    },
  };
}

function listItems(text: string): string[] {
  return text
    .split(',')
    .map((it) => it.trim())
    .filter((it) => it !== '');
}

/** The same key without a default: null until it is set. */
export function optional<T>(definition: ConfigDefinition<T>): ConfigDefinition<T | null> {
  return { ...definition, defaultText: null };
}

/** Throws code `INVALID_CONFIG` with Kafka's wording, which clients show as it is. */
export function parseConfig<T>(key: string, definition: ConfigDefinition<T>, text: string): T {
  try {
    return definition.parse(text);
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error;
    throw new OperationalError('INVALID_CONFIG', `Invalid value ${definition.type === 'password' ? '[hidden]' : text} for configuration ${key}: ${error.message}`);
  }
}
