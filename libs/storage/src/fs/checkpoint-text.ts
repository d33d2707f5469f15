const VERSION = '0';

/** Kafka's text of a checkpoint: version 0, the count, then the entries, a line each. */
export function encodeCheckpoint(entries: readonly string[]): string {
  return [VERSION, String(entries.length), ...entries, ''].join('\n');
}

/**
 * The entries, undefined for a text that is not whole. Without the end of its last line a number may lack digits: a loss of power can leave any part of a file that was not synced.
 */
export function decodeCheckpoint(text: string): string[] | undefined {
  if (!text.endsWith('\n')) return undefined;
  const [version, count, ...entries] = text.trimEnd().split('\n');
  return version === VERSION && count === String(entries.length) ? entries : undefined;
}
