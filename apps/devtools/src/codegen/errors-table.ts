import { HEADER } from './emit-file.js';

interface ErrorRow {
  readonly code: number;
  readonly name: string;
  readonly retriable: boolean;
  readonly message: string;
}

/** Lines of `code NAME [retriable] text`. */
function parseErrors(text: string): ErrorRow[] {
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '' || line.startsWith('#')) return [];
    const match = /^(-?\d+) ([A-Z0-9_]+) (retriable )?(.+)$/.exec(line);
    if (match === null) throw new Error(`errors.txt:${index + 1}: not "code NAME [retriable] text"`);
    return [{ code: Number(match[1]), name: match[2] ?? '', retriable: match[3] !== undefined, message: match[4] ?? '' }];
  });
}

export function emitErrors(text: string): string {
  const rows = parseErrors(text);
  return [
    HEADER,
    '',
    '/** Every error code of the protocol, by its name. */',
    'export const ErrorCode = {',
    ...rows.map((it) => `  ${it.name}: ${it.code},`),
    '} as const;',
    'export type ErrorName = keyof typeof ErrorCode;',
    'export type ErrorCode = (typeof ErrorCode)[ErrorName];',
    '',
    'export const ERROR_ROWS: readonly (readonly [code: number, name: ErrorName, isRetriable: boolean, message: string])[] = [',
    ...rows.map((it) => `  [${it.code}, '${it.name}', ${it.retriable}, ${JSON.stringify(it.message)}],`),
    '];',
    '',
  ].join('\n');
}
