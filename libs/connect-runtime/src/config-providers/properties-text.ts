const ESCAPES: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' };

/** A Java `.properties` file: comments, continued lines, `=`, `:` or white space behind the key, `\uXXXX` and other escapes. */
export function parseProperties(text: string): Map<string, string> {
  const values = new Map<string, string>();
  const lines = text.split(/\r\n|\n|\r/);
  for (let i = 0; i < lines.length; i++) {
    let line = (lines[i] ?? '').replace(/^[ \t\f]+/, '');
    if (line === '' || line.startsWith('#') || line.startsWith('!')) continue;
    while (endsInBackslash(line) && i + 1 < lines.length) line = line.slice(0, -1) + (lines[++i] ?? '').replace(/^[ \t\f]+/, '');
    const match = /^((?:\\.|[^\\=: \t\f])*)[ \t\f]*[=:]?[ \t\f]*(.*)$/s.exec(endsInBackslash(line) ? line.slice(0, -1) : line);
    if (match) values.set(unescaped(match[1] ?? ''), unescaped(match[2] ?? ''));
  }
  return values;
}

function endsInBackslash(line: string): boolean {
  return (/\\*$/.exec(line)?.[0].length ?? 0) % 2 === 1;
}

function unescaped(text: string): string {
  return text.replace(/\\(?:u([0-9a-fA-F]{4})|(.))/gs, (_all, unicode: string | undefined, it: string | undefined) => (unicode === undefined ? (ESCAPES[it ?? ''] ?? it ?? '') : String.fromCharCode(parseInt(unicode, 16))));
}
