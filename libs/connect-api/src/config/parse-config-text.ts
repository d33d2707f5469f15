import { Password } from './password.js';

/** Java's ConfigDef types. `class` holds a class name as text. */
export type ConfigKind = 'string' | 'int' | 'short' | 'long' | 'double' | 'boolean' | 'list' | 'password' | 'class';

export type ParsedConfigText = { readonly value: string | number | boolean | string[] | Password; readonly problem?: undefined } | { readonly value?: undefined; readonly problem: string };

const INTEGER_BOUNDS: Record<'int' | 'short' | 'long', readonly [bigint, bigint]> = {
  short: [-(2n ** 15n), 2n ** 15n - 1n],
  int: [-(2n ** 31n), 2n ** 31n - 1n],
  long: [-(2n ** 63n), 2n ** 63n - 1n],
};

/** Text to value by the rules of Java's ConfigDef.parseType, with its messages. */
export function parseConfigText(kind: ConfigKind, raw: string): ParsedConfigText {
  const text = raw.trim();
  switch (kind) {
    case 'string':
    case 'class':
      return { value: text };
    case 'password':
      return { value: new Password(text) };
    case 'boolean':
      if (text.toLowerCase() === 'true') return { value: true };
      if (text.toLowerCase() === 'false') return { value: false };
      return { problem: 'Expected value to be either true or false' };
    case 'list':
      return { value: text === '' ? [] : text.split(',').map((it) => it.trim()) };
    case 'double': {
      const value = Number(text);
      return text === '' || Number.isNaN(value) ? { problem: 'Not a number of type DOUBLE' } : { value };
    }
    case 'int':
    case 'short':
    case 'long': {
      const problem = `Not a number of type ${kind.toUpperCase()}`;
      if (!/^[+-]?\d+$/.test(text)) return { problem };
      const value = BigInt(text.replace('+', ''));
      const [least, most] = INTEGER_BOUNDS[kind];
      return value < least || value > most ? { problem } : { value: Number(value) };
    }
  }
}
