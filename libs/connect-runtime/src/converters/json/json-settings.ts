import { ConfigDef } from '@millrace/connect-api';

export const JSON_CONVERTER_CONFIG = new ConfigDef({
  'schemas.enable': {
    kind: 'boolean',
    default: 'true',
    importance: 'high',
    group: 'Schemas',
    width: 'medium',
    displayName: 'Enable Schemas',
    doc: 'Write the schema with each value, in an envelope of the members schema and payload; expect that envelope when reading.',
  },
  'schemas.cache.size': {
    kind: 'int',
    default: '1000',
    min: 0,
    importance: 'high',
    group: 'Schemas',
    width: 'medium',
    displayName: 'Schema Cache Size',
    doc: 'How many schemas read from records are kept.',
  },
  'decimal.format': {
    kind: 'string',
    default: 'BASE64',
    oneOf: ['BASE64', 'NUMERIC'],
    ignoreCase: true,
    importance: 'low',
    group: 'Serialization',
    width: 'medium',
    displayName: 'Decimal Format',
    doc: 'How Decimal values are written: BASE64 (the bytes of the unscaled value) or NUMERIC (a JSON number). Both are read.',
  },
  'replace.null.with.default': {
    kind: 'boolean',
    default: 'true',
    importance: 'low',
    group: 'Serialization',
    width: 'medium',
    displayName: 'Replace null with default',
    doc: 'Write, and read, the default of a field in place of null.',
  },
});

/** What the writing and the reading half need to know. */
export interface JsonFormat {
  readonly isNumericDecimal: boolean;
  readonly replaceNullWithDefault: boolean;
}
