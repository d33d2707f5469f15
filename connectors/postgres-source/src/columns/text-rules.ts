import type { Schema } from '@millrace/connect-api';
import { hashOf, type TextRule } from '../config/column-rules.js';
import { constantText, type TypeMapping } from './encoders/encode.js';
import type { PgType } from './type-registry.js';

/** Types that Java's driver reports as CHAR or VARCHAR: only their values are masked. */
const TEXT_TYPES = new Set(['bpchar', 'varchar', 'text', 'name', 'char']);

/** A column whose text is cut, masked or hashed. Masks stand for null too, and hide the placeholder of a large value that was not sent. */
export function withTextRule(mapping: TypeMapping, type: PgType, rule: TextRule, length: number): TypeMapping {
  const { schema } = mapping;
  if (rule.kind === 'truncate') {
    if (length >= 0 && length <= rule.length) return mapping;
    const marked = withParameters(schema, { truncateLength: String(rule.length) });
    return schema.type === 'string' ? { ...mapping, schema: marked, encode: truncated(mapping, rule.length) } : { ...mapping, schema: marked };
  }
  const marked = withParameters(schema, { masked: 'true' });
  if (!isText(type, schema)) return { ...mapping, schema: marked };
  if (rule.kind === 'mask') {
    const write = constantText(rule.text);
    return { schema: marked, encode: (writer) => write(writer), whenNull: write, whenOptionalNull: write, whenUnchanged: write };
  }
  const shown = (text: string): string => hashOf(rule, text).slice(0, length > 0 ? length : undefined);
  return {
    ...mapping,
    schema: marked,
    encode: (writer, bytes, start, end) => writer.string(shown(bytes.toString('utf8', start, end))),
  };
}

export function withParameters(schema: Schema, parameters: Readonly<Record<string, string>>): Schema {
  return schema.with({ parameters: { ...schema.parameters, ...parameters } });
}

function isText(type: PgType, schema: Schema): boolean {
  return schema.type === 'string' && (TEXT_TYPES.has(type.name) || type.kind === 'e');
}

function truncated(mapping: TypeMapping, length: number): TypeMapping['encode'] {
  return (writer, bytes, start, end) => {
    if (end - start <= length) return mapping.encode(writer, bytes, start, end);
    writer.string(bytes.toString('utf8', start, end).slice(0, length));
  };
}
