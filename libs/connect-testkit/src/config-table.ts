import type { AnyConfigDef, ConfigKey } from '@millrace/connect-api';

/** The settings of a plugin as a Markdown table, in the order of their definition: for its README. */
export function configTable(definition: AnyConfigDef): string {
  const rows = Object.entries(definition.keys).map(([name, key]) => `| \`${name}\` | ${key.kind} | ${defaultOf(key)} | ${key.importance} | ${docOf(key)} |`);
  return ['| setting | type | default | importance | what it is |', '|---|---|---|---|---|', ...rows].join('\n');
}

function defaultOf(key: ConfigKey<never>): string {
  if (key.default === undefined) return '**required**';
  return key.default === null || key.default === '' ? '' : `\`${cell(key.default)}\``;
}

function docOf(key: ConfigKey<never>): string {
  const rules = [
    key.oneOf ? `One of ${key.oneOf.map((it) => `\`${it}\``).join(', ')}.` : '',
    key.min !== undefined ? `At least ${key.min}.` : '',
    key.max !== undefined ? `At most ${key.max}.` : '',
    key.onlyDefault ? 'Only the default is supported.' : '',
  ];
  return cell([key.doc, ...rules].filter((it) => it !== '').join(' '));
}

function cell(text: string): string {
  return text.replace(/\s+/g, ' ').replaceAll('|', '\\|');
}
