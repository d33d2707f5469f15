export type NameAdjustment = 'none' | 'avro' | 'avro_unicode';

/** Full names of schemas, which may have dots, as Avro allows them. */
export function schemaName(mode: NameAdjustment, name: string): string {
  return mode === 'none' ? name : adjusted(name, { isUnicode: mode === 'avro_unicode', mayHaveDots: true });
}

/** Names of fields as Avro allows them. */
export function fieldName(mode: NameAdjustment, name: string): string {
  return mode === 'none' ? name : adjusted(name, { isUnicode: mode === 'avro_unicode', mayHaveDots: false });
}

/** What Avro does not take becomes an underscore or, in the unicode form, `_u` and the digits of the character (the underscore too). */
function adjusted(name: string, rules: { readonly isUnicode: boolean; readonly mayHaveDots: boolean }): string {
  const first = rules.isUnicode ? /[a-zA-Z]/ : /[a-zA-Z_]/;
  let text = '';
  for (let i = 0; i < name.length; i++) {
    const unit = name.charAt(i);
    if (first.test(unit) || (i > 0 && (/[0-9]/.test(unit) || (rules.mayHaveDots && unit === '.')))) text += unit;
    else if (rules.isUnicode) text += `_u${hex(unit)}`;
    else text += i === 0 && /[0-9]/.test(unit) ? `_${unit}` : '_';
  }
  return text;
}

/** Two digits and fewer get two zeros before them, three none: as Debezium writes them. */
function hex(unit: string): string {
  const digits = unit.charCodeAt(0).toString(16);
  return digits.length <= 2 ? `00${digits}` : digits;
}
