/**
 * Parses JSON with every number as the text that stands there: a config value `1.50` stays "1.50" and 12345678901234567890 keeps its digits.
 * Throws SyntaxError.
 */
export function parseJsonKeepingNumbers(text: string): unknown {
  JSON.parse(text);
  return JSON.parse(text.replace(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/gs, (token) => (token.startsWith('"') ? token : `"${token}"`)), (key, value: unknown) => (key === '__proto__' ? undefined : value));
}
