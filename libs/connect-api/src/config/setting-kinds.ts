import type { ConfigKey, Importance } from './config-def.js';

type Rest<T> = Omit<ConfigKey<T>, 'kind' | 'default' | 'doc' | 'importance'> & { readonly importance?: Importance };

/** Makers of settings for a `ConfigDef`, so that a long table of settings reads as one: default, meaning, and what is special. Importance is `medium` where nothing is said of it. */
export const settingKinds = {
  /** A text that must be given. Importance: `high`. */
  required: (doc: string, rest: Rest<string> = {}) => ({ kind: 'string', doc, importance: 'high', ...rest }) as const,
  /** A text with a default. */
  text: (fallback: string, doc: string, rest: Rest<string> = {}) => ({ kind: 'string', default: fallback, doc, importance: 'medium', ...rest }) as const,
  /** A text or null. */
  optionalText: (doc: string, rest: Rest<string> = {}) => ({ kind: 'string', default: null, doc, importance: 'medium', ...rest }) as const,
  /** One of a few words, compared without case. */
  choice: (values: readonly string[], fallback: string, doc: string, rest: Rest<string> = {}) => ({ kind: 'string', default: fallback, doc, importance: 'medium', oneOf: values, ignoreCase: true, ...rest }) as const,
  /** A whole number of 32 bits. */
  integer: (fallback: number, doc: string, rest: Rest<number> = {}) => ({ kind: 'int', default: String(fallback), doc, importance: 'medium', ...rest }) as const,
  /** A whole number of 64 bits, for what Java has as `long`: milliseconds, bytes. */
  long: (fallback: number, doc: string, rest: Rest<number> = {}) => ({ kind: 'long', default: String(fallback), doc, importance: 'medium', ...rest }) as const,
  /** True or false. */
  flag: (fallback: boolean, doc: string, rest: Rest<boolean> = {}) => ({ kind: 'boolean', default: String(fallback), doc, importance: 'medium', ...rest }) as const,
  /** A Password or null. Importance: `high`. */
  secret: (doc: string, rest: Rest<never> = {}) => ({ kind: 'password', default: null, doc, importance: 'high', ...rest }) as const,
  /** Texts, separated by commas; null where nothing is given and the default is null. */
  list: <const Default extends string | null>(fallback: Default, doc: string, rest: Rest<string[]> = {}) => ({ kind: 'list', default: fallback, doc, importance: 'medium', ...rest }) as const,
  /** A setting that users of the original connector know and that is not built: its default is accepted, any other value is an error that says so. */
  unbuilt: (kind: 'string' | 'int' | 'long' | 'boolean' | 'list' | 'class', fallback: string | null, doc: string) => ({ kind, default: fallback, doc, importance: 'low', onlyDefault: true }) as const,
};
