/** Splits a list of regular expressions at its commas; a comma inside an expression is written `\,`. */
export function splitRegexList(text: string): string[] {
  return text
    .split(/(?<!\\),/)
    .map((it) => it.replaceAll('\\,', ',').trim())
    .filter((it) => it !== '');
}

/** The expressions of a list, each anchored at both ends and blind to case, as Debezium applies them. Throws SyntaxError. */
export function regexList(text: string | null | undefined): RegExp[] {
  return splitRegexList(text ?? '').map((it) => new RegExp(`^(?:${it})$`, 'i'));
}

/** For ConfigDef checks: what is wrong with a list of expressions, or nothing. */
export function regexListProblem(text: string): string | undefined {
  try {
    regexList(text);
    return undefined;
  } catch (error) {
    return `A comma-separated list of valid regular expressions is expected, but ${error instanceof Error ? error.message : String(error)}`;
  }
}
