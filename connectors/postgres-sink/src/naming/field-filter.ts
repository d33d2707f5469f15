export type FieldFilter = (topic: string, field: string) => boolean;

/** Entries are `field` or `topic:field`, compared as they are. Of the two lists at most one is not empty. */
export function fieldFilter(include: readonly string[], exclude: readonly string[]): FieldFilter {
  if (exclude.length > 0) {
    const excluded = new Set(exclude.map(normalise));
    return (topic, field) => !excluded.has(field) && !excluded.has(`${topic}:${field}`);
  }
  if (include.length === 0) return () => true;
  const included = new Set(include.map(normalise));
  return (topic, field) => included.has(field) || included.has(`${topic}:${field}`);
}

function normalise(entry: string): string {
  return entry
    .split(':')
    .map((it) => it.trim())
    .join(':');
}
