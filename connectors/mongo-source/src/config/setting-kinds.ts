import type { ConfigKey, Importance } from '@millrace/connect-api';

type Rest<T> = Omit<ConfigKey<T>, 'kind' | 'default' | 'doc' | 'importance'> & { readonly importance?: Importance };

const LOW: { readonly importance: Importance } = { importance: 'low' };

/** Makers of settings, so that the tables of settings read as tables: name, default, meaning. */
export const required = (doc: string, rest: Rest<string> = {}) => ({ kind: 'string', doc, importance: 'high', ...rest }) as const;
export const text = (fallback: string | null, doc: string, rest: Rest<string> = {}) => ({ kind: 'string', default: fallback, doc, importance: 'medium', ...rest }) as const;
export const optionalText = (doc: string, rest: Rest<string> = {}) => ({ kind: 'string', default: null, doc, importance: 'medium', ...rest }) as const;
export const choice = (values: readonly string[], fallback: string, doc: string, rest: Rest<string> = {}) =>
  ({ kind: 'string', default: fallback, doc, importance: 'medium', oneOf: values, ignoreCase: true, ...rest }) as const;
export const integer = (fallback: number, doc: string, rest: Rest<number> = {}) => ({ kind: 'int', default: String(fallback), doc, importance: 'medium', ...rest }) as const;
export const long = (fallback: number, doc: string, rest: Rest<number> = {}) => ({ kind: 'long', default: String(fallback), doc, importance: 'medium', ...rest }) as const;
export const flag = (fallback: boolean, doc: string, rest: Rest<boolean> = {}) => ({ kind: 'boolean', default: String(fallback), doc, importance: 'medium', ...rest }) as const;
export const secret = (doc: string, rest: Rest<never> = {}) => ({ kind: 'password', default: null, doc, importance: 'high', ...rest }) as const;
export const list = (fallback: string | null, doc: string, rest: Rest<string[]> = {}) => ({ kind: 'list', default: fallback, doc, importance: 'medium', ...rest }) as const;

/** A setting of Debezium's that is not built: accepted with its default only. */
export const unbuilt = (kind: 'string' | 'int' | 'long' | 'boolean' | 'list' | 'class', fallback: string | null, doc: string) => ({ kind, default: fallback, doc, ...LOW, onlyDefault: true }) as const;
