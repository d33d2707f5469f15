import type { ConfigKey } from '@millrace/connect-api';
import { javaPattern } from './java-pattern.js';

/** Settings that several transformations share. */
export const REPLACE_NULL_WITH_DEFAULT = {
  'replace.null.with.default': { kind: 'boolean', default: 'true', importance: 'medium', doc: 'Whether a null field that has a default counts as the default.' },
} as const satisfies Record<string, ConfigKey<never>>;

export const FIELD_SYNTAX_VERSION = {
  'field.syntax.version': {
    kind: 'string',
    default: 'V1',
    oneOf: ['V1', 'V2'],
    ignoreCase: true,
    importance: 'high',
    doc: 'V1: a field’s name at the top level. V2: a path with dots; names that hold dots stand in backticks.',
  },
} as const satisfies Record<string, ConfigKey<never>>;

export function notEmptyList(list: readonly string[]): string | undefined {
  return list.length === 0 ? 'Empty list' : undefined;
}

export function notEmptyString(text: string): string | undefined {
  return text === '' ? 'String must be non-empty' : undefined;
}

export function validPattern(text: string): string | undefined {
  try {
    javaPattern(text);
    return undefined;
  } catch (error) {
    return `Invalid regex: ${error instanceof Error ? error.message : String(error)}`;
  }
}
