/** The entries of a list, without the spaces around them. */
export function splitList(text: string | null | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((it) => it.trim())
    .filter((it) => it !== '');
}

/** One expression for a list of them, anchored at both ends; undefined for an empty list. */
export function alternatives(text: string | null | undefined): string | undefined {
  const parts = splitList(text);
  return parts.length === 0 ? undefined : `^(?:${parts.map((it) => `(?:${it})`).join('|')})$`;
}

/** For ConfigDef checks: what is wrong with a list of expressions, or nothing. */
export function regexListProblem(text: string): string | undefined {
  try {
    for (const it of splitList(text)) new RegExp(`^(?:${it})$`, 'i');
    return undefined;
  } catch (error) {
    return `A comma-separated list of valid regular expressions is expected, but ${error instanceof Error ? error.message : String(error)}`;
  }
}
