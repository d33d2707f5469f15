import { createHash, getHashes } from 'node:crypto';
import type { TableName } from '../tables/table-catalog.js';
import { regexList } from './regex-list.js';

/** What happens to the text of a column before it is handed over (`column.truncate…`, `column.mask…`). */
export type TextRule =
  | { readonly kind: 'truncate'; readonly length: number }
  | { readonly kind: 'mask'; readonly text: string }
  | { readonly kind: 'hash'; readonly algorithm: string; readonly salt: string; readonly isPlain: boolean };

interface NamedRule {
  readonly columns: readonly RegExp[];
  readonly rule: TextRule;
}

const TRUNCATE = /^column\.truncate\.to\.(\d+)\.chars$/;
const MASK = /^column\.mask\.with\.(\d+)\.chars$/;
const HASH = /^column\.mask\.hash(\.v2)?\.([^.]+)\.with\.salt\.(.+)$/;

/** The settings whose names hold a part of their value. */
export function isColumnRule(name: string): boolean {
  return TRUNCATE.test(name) || MASK.test(name) || HASH.test(name);
}

/** What is wrong with such a setting, or nothing. */
export function columnRuleProblem(name: string, value: string): string | undefined {
  try {
    ruleOf(name);
    regexList(value);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Rules for single columns: how their text is hidden, and whether their original type is told in the schema. */
export class ColumnRules {
  private readonly rules: readonly NamedRule[];
  private readonly propagated: readonly RegExp[];
  private readonly propagatedTypes: readonly RegExp[];

  constructor(config: Readonly<Record<string, string | null | undefined>>) {
    this.rules = Object.entries(config).flatMap(([name, columns]) => {
      const rule = ruleOf(name);
      return rule ? [{ columns: regexList(columns), rule }] : [];
    });
    this.propagated = regexList(config['column.propagate.source.type']);
    this.propagatedTypes = regexList(config['datatype.propagate.source.type']);
  }

  textRule(table: TableName, column: string): TextRule | undefined {
    const name = `${table.schema}.${table.table}.${column}`;
    return this.rules.find((it) => it.columns.some((pattern) => pattern.test(name)))?.rule;
  }

  propagates(table: TableName, column: string, typeName: string): boolean {
    const name = `${table.schema}.${table.table}`;
    return this.propagated.some((it) => it.test(`${name}.${column}`)) || this.propagatedTypes.some((it) => it.test(`${name}.${typeName}`));
  }
}

function ruleOf(name: string): TextRule | undefined {
  const truncated = TRUNCATE.exec(name);
  if (truncated) return { kind: 'truncate', length: Number(truncated[1]) };
  const masked = MASK.exec(name);
  if (masked) return { kind: 'mask', text: '*'.repeat(Number(masked[1])) };
  const hashed = HASH.exec(name);
  if (!hashed) return undefined;
  const [, version, algorithm = '', salt = ''] = hashed;
  return { kind: 'hash', algorithm: digestName(algorithm), salt, isPlain: version !== undefined };
}

/** Java's names of digests (`SHA-256`, `SHA-512/256`, `MD5`) as OpenSSL has them. Throws Error for one that is not known. */
function digestName(algorithm: string): string {
  const name = algorithm.toLowerCase().replace(/^sha-(?=\d)/, 'sha').replace('/', '-');
  const known = name.startsWith('sha3-') ? name : name.replace('sha3', 'sha3-');
  if (!getHashes().some((it) => it.toLowerCase() === known)) throw new Error(`The digest ${algorithm} is not known`);
  return known;
}

/** The digest of a text as Debezium makes it: in its first version of the text as Java serializes it. */
export function hashOf(rule: Extract<TextRule, { kind: 'hash' }>, text: string): string {
  const bytes = Buffer.from(text, 'utf8');
  const hash = createHash(rule.algorithm).update(rule.salt, 'utf8');
  if (!rule.isPlain) hash.update(Buffer.concat([Buffer.from([0xac, 0xed, 0, 5]), javaString(text)]));
  else hash.update(bytes);
  return hash.digest('hex');
}

const SHORT_MAX = 0xffff;

/** A string in Java's serialization: TC_STRING with modified UTF-8, TC_LONGSTRING where that is longer. */
export function javaString(text: string): Buffer {
  const bytes = modifiedUtf8(text);
  if (bytes.length <= SHORT_MAX) return Buffer.concat([Buffer.from([0x74, bytes.length >> 8, bytes.length & 0xff]), bytes]);
  const head = Buffer.alloc(9);
  head[0] = 0x7c;
  head.writeBigUInt64BE(BigInt(bytes.length), 1);
  return Buffer.concat([head, bytes]);
}

function modifiedUtf8(text: string): Buffer {
  const bytes: number[] = [];
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 1 && unit <= 0x7f) bytes.push(unit);
    else if (unit <= 0x7ff) bytes.push(0xc0 | (unit >> 6), 0x80 | (unit & 0x3f));
    else bytes.push(0xe0 | (unit >> 12), 0x80 | ((unit >> 6) & 0x3f), 0x80 | (unit & 0x3f));
  }
  return Buffer.from(bytes);
}
