import { BsonType, textOf, type RawValue } from '../bson/raw-value.js';
import { notBuilt } from '../server-error.js';

/** A pattern as text or as BSON's regular expression. The server's dialect is PCRE, this one is JavaScript's: keep to what both know. */
export function regexOf(pattern: RawValue, options = ''): RegExp {
  if (pattern.type !== BsonType.regex) return new RegExp(textOf(pattern) ?? '', flags(options));
  const middle = pattern.bytes.indexOf(0);
  return new RegExp(pattern.bytes.toString('utf8', 0, middle), flags(options || pattern.bytes.toString('utf8', middle + 1, pattern.bytes.length - 1)));
}

function flags(options: string): string {
  if (/[^imsu]/.test(options)) throw notBuilt(`the regular expression options ${options}`);
  return options.replace('u', '');
}
