import { OperationalError } from '@millrace/foundation';

/** Settings by Java's dotted keys or by the same names in camelCase; values may be texts, as a properties file or Connect has them. */
export type Properties = Readonly<Record<string, unknown>>;

type Parse<T> = (text: string, key: string) => T;
export interface Property<T> {
  readonly key: string;
  readonly parse: Parse<T>;
}
export type PropertyTable<Options> = { readonly [Name in keyof Options]-?: Property<NonNullable<Options[Name]>> };

/**
 * The settings that the table knows, by their option names; what is not set stays undefined. Throws OperationalError INVALID_CONFIG,
 * with the key, for a value that cannot be. Keys that the table does not know are handed to `onUnknown`.
 */
export function parseProperties<Options extends object>(properties: Properties, table: PropertyTable<Options>, onUnknown: (key: string) => void = () => undefined): Partial<Options> {
  const parsed: Partial<Options> = {};
  const names = new Map<string, keyof Options & string>();
  for (const name of Object.keys(table) as (keyof Options & string)[]) names.set(name, name).set(table[name].key, name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    const name = names.get(key);
    if (name === undefined) onUnknown(key);
    else parsed[name] = typeof value === 'function' || (typeof value === 'object' && !Array.isArray(value)) ? (value as Options[typeof name]) : table[name].parse(Array.isArray(value) ? value.join(',') : String(value), key);
  }
  return parsed;
}

function invalid(key: string, text: string, expected: string): OperationalError {
  return new OperationalError('INVALID_CONFIG', `Invalid value ${text} for configuration ${key}: ${expected}`);
}

export function integer(key: string, min = 0, max = Number.MAX_SAFE_INTEGER): Property<number> {
  return {
    key,
    parse(text, as) {
      const value = Number(text);
      if (!/^\s*-?\d+\s*$/.test(text)) throw invalid(as, text, 'Not a number');
      if (value < min) throw invalid(as, text, `Value must be at least ${min}`);
      if (value > max) throw invalid(as, text, `Value must be no more than ${max}`);
      return value;
    },
  };
}

export function boolean(key: string): Property<boolean> {
  return {
    key,
    parse(text, as) {
      const lower = text.trim().toLowerCase();
      if (lower !== 'true' && lower !== 'false') throw invalid(as, text, 'Expected value to be either true or false');
      return lower === 'true';
    },
  };
}

export function string(key: string): Property<string> {
  return { key, parse: (text) => text.trim() };
}

/** One of several words; `aliases` maps other spellings to them. */
export function oneOf<T extends string>(key: string, words: readonly T[], aliases: Readonly<Record<string, T>> = {}): Property<T> {
  return {
    key,
    parse(text, as) {
      const word = text.trim();
      const found = aliases[word] ?? words.find((it) => it === word || it === word.toLowerCase());
      if (found === undefined) throw invalid(as, text, `String must be one of: ${words.join(', ')}`);
      return found;
    },
  };
}

/** A setting that is understood in one value only, the one that we do. */
export function only(key: string, supported: string): Property<string> {
  return {
    key,
    parse(text, as) {
      if (text.trim().toUpperCase() !== supported.toUpperCase()) throw invalid(as, text, `only ${supported} is supported`);
      return supported;
    },
  };
}
