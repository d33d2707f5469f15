/**
 * Reads Java's `.properties` text: `key=value`, `key: value` or `key value`, `#` and `!` comments, `\` line continuation and escapes.
 * (java.util.Properties.load)
 */
export function parseProperties(text: string): Record<string, string> {
  const result: Record<string, string> = {};
  for (const line of logicalLines(text)) {
    const { key, rest } = splitKey(line);
    result[unescape(key)] = unescape(rest);
  }
  return result;
}

function* logicalLines(text: string): Generator<string> {
  let pending = '';
  for (const raw of text.split(/\r\n|\r|\n/)) {
    const line = raw.replace(/^[ \t\f]+/, '');
    if (pending === '' && (line === '' || line.startsWith('#') || line.startsWith('!'))) continue;
    const backslashes = /\\*$/.exec(line)?.[0].length ?? 0;
    if (backslashes % 2 === 1) {
      pending += line.slice(0, -1);
      continue;
    }
    yield pending + line;
    pending = '';
  }
  if (pending !== '') yield pending;
}

function splitKey(line: string): { key: string; rest: string } {
  let end = 0;
  while (end < line.length && !/[=: \t\f]/.test(line[end] ?? '')) end += line[end] === '\\' ? 2 : 1;
  const rest = line.slice(end).replace(/^[ \t\f]*[=:]?[ \t\f]*/, '');
  return { key: line.slice(0, end), rest };
}

const ESCAPES: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' };

function unescape(text: string): string {
  return text.replace(/\\(?:u([0-9a-fA-F]{4})|(.))/g, (_, unicode: string | undefined, other: string) => (unicode === undefined ? (ESCAPES[other] ?? other) : String.fromCharCode(parseInt(unicode, 16))));
}
