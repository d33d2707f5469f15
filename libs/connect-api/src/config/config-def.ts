import { ConfigError } from '../errors.js';
import { PASSWORD_MASK, type Password } from './password.js';
import { parseConfigText, type ConfigKind } from './parse-config-text.js';

/** How many users need to look at a setting. */
export type Importance = 'high' | 'medium' | 'low';
/** Of a setting's field in a form. */
export type Width = 'none' | 'short' | 'medium' | 'long';

/** One setting. `T` is the type of the parsed value. */
export interface ConfigKey<T = unknown> {
  /** What the text is read as; gives the type of the parsed value. */
  readonly kind: ConfigKind;
  /** One or two sentences for whoever sets it: meaning, unit, consequences. Shown over REST and in tables of settings. */
  readonly doc: string;
  /** `high` for what everybody sets. */
  readonly importance: Importance;
  /** Absent: the setting is required. Null: optional without a value. Otherwise the text that stands for it when it is not given. */
  readonly default?: string | null;
  /** Heading under which a form shows it. */
  readonly group?: string;
  /** Of the field in a form. */
  readonly width?: Width;
  /** What a form calls it. Default: its name. */
  readonly displayName?: string;
  /** Settings whose visibility or suggestions depend on this one. */
  readonly dependents?: readonly string[];
  /** The only values allowed (compared without case when `ignoreCase`). */
  readonly oneOf?: readonly string[];
  /** See `oneOf`. */
  readonly ignoreCase?: boolean;
  /** Inclusive bounds of a number. */
  readonly min?: number;
  /** See `min`. */
  readonly max?: number;
  /** Says what is wrong with a parsed value, or nothing. Java's texts where Java has one. */
  readonly check?: (value: T) => string | undefined;
  /** Suggestions for a form, given the other settings. */
  readonly recommend?: (config: Readonly<Record<string, string>>) => readonly string[];
  /** Whether a form shows it, given the other settings. Default: always. */
  readonly isVisible?: (config: Readonly<Record<string, string>>) => boolean;
  /** Known to users of the original connector, but only its default is supported so far: any other value is an error that says so. */
  readonly onlyDefault?: boolean;
}

/** One setting after validation: Connect's ConfigValue. Passwords are masked. */
export interface ConfigValue {
  /** Of the setting. */
  readonly name: string;
  /** The text that holds (given or default), masked for a password; null: none, or not of its kind. */
  value: string | null;
  /** Suggestions for a form. */
  recommendedValues: string[];
  /** Sentences about what is wrong with this setting; empty when nothing is. */
  errors: string[];
  /** Whether a form shows it. */
  visible: boolean;
}

/** Settings by name. */
export type ConfigKeys = Readonly<Record<string, ConfigKey<never>>>;
type ValueOf<K> = K extends { readonly kind: infer Kind }
  ? | (Kind extends 'boolean' ? boolean : Kind extends 'int' | 'short' | 'double' ? number : Kind extends 'long' ? number : Kind extends 'list' ? string[] : Kind extends 'password' ? Password : string)
    | (K extends { readonly default: null } ? null : never)
  : never;
/** The parsed settings of a ConfigDef, by name. */
export type ConfigOf<D> = D extends ConfigDef<infer K> ? { readonly [Name in keyof K]: ValueOf<K[Name]> } : never;

/**
 * The settings of a plugin, defined once: parsing (by Java's rules of coercion and with Java's messages), validation, and what
 * GET /connector-plugins/{class}/config shows all derive from it.
 */
export class ConfigDef<const K extends Readonly<Record<string, ConfigKey<never>>> = ConfigKeys> {
  constructor(/** The settings by name, in the order in which they are shown. */ readonly keys: K) {}

  /** Every known setting with its errors, in the order of definition; unknown settings are left out. */
  validate(config: Readonly<Record<string, string | null>>): ConfigValue[] {
    return Object.entries(this.keys).map(([name, key]) => validateKey(name, key, config));
  }

  /** Throws ConfigError with the first error. */
  parse(config: Readonly<Record<string, string | null>>): ConfigOf<ConfigDef<K>> {
    const parsed: Record<string, unknown> = {};
    for (const [name, key] of Object.entries(this.keys)) {
      const [error] = validateKey(name, key, config).errors;
      if (error !== undefined) throw new ConfigError(error, name);
      const text = textOf(key, config[name]);
      parsed[name] = text === null ? null : parseConfigText(key.kind, text).value;
    }
    return parsed as ConfigOf<ConfigDef<K>>;
  }

  /** This and more settings; a later definition of the same name replaces the earlier. */
  extend<const M extends Readonly<Record<string, ConfigKey<never>>>>(more: M): ConfigDef<Omit<K, keyof M> & M> {
    return new ConfigDef({ ...this.keys, ...more });
  }
}

/** The definition of any plugin's settings, whatever their names and kinds: every ConfigDef is one. */
export interface AnyConfigDef {
  /** The settings by name, in the order in which they are shown. */
  readonly keys: ConfigKeys;
  /** See `ConfigDef.validate`. */
  validate(config: Readonly<Record<string, string | null>>): ConfigValue[];
  /** See `ConfigDef.parse`. */
  parse(config: Readonly<Record<string, string | null>>): Readonly<Record<string, unknown>>;
}

function textOf(key: ConfigKey<never>, given: string | null | undefined): string | null {
  return given ?? key.default ?? null;
}

function validateKey(name: string, key: ConfigKey<never>, config: Readonly<Record<string, string | null>>): ConfigValue {
  const present = Object.fromEntries(Object.entries(config).filter((it): it is [string, string] => it[1] !== null));
  const text = textOf(key, config[name]);
  const errors: string[] = [];
  if (text === null) {
    if (key.default === undefined) errors.push(`Missing required configuration "${name}" which has no default value.`);
  } else {
    const problem = problemOf(key, text);
    if (problem !== undefined) errors.push(`Invalid value ${key.kind === 'password' ? PASSWORD_MASK : text} for configuration ${name}: ${problem}`);
  }
  return {
    name,
    // A text that is not of its kind has no value, as in Java; one that a rule refuses keeps it.
    value: text === null || parseConfigText(key.kind, text).problem !== undefined ? null : key.kind === 'password' ? PASSWORD_MASK : text,
    recommendedValues: [...(key.recommend?.(present) ?? key.oneOf ?? [])],
    errors,
    visible: key.isVisible?.(present) ?? true,
  };
}

function problemOf(key: ConfigKey<never>, text: string): string | undefined {
  const parsed = parseConfigText(key.kind, text);
  if (parsed.problem !== undefined) return parsed.problem;
  const value = parsed.value;
  if (key.oneOf) {
    const fold = (it: string): string => (key.ignoreCase ? it.toLowerCase() : it);
    const allowed = new Set(key.oneOf.map(fold));
    const given = Array.isArray(value) ? value : [String(value)];
    if (given.some((it) => !allowed.has(fold(it)))) return `${key.ignoreCase ? 'String must be one of (case insensitive)' : 'String must be one of'}: ${key.oneOf.join(', ')}`;
  }
  if (typeof value === 'number') {
    if (key.min !== undefined && value < key.min) return `Value must be at least ${key.min}`;
    if (key.max !== undefined && value > key.max) return `Value must be no more than ${key.max}`;
  }
  if (key.onlyDefault && text !== (key.default ?? null)) {
    const fallback = key.default ?? null;
    return fallback === null ? 'This setting is not supported yet: leave it out' : `This setting is not supported yet with a value other than its default, ${fallback === '' ? 'the empty text' : fallback}`;
  }
  return (key.check as ((value: unknown) => string | undefined) | undefined)?.(value);
}
