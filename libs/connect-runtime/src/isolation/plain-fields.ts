/** Log fields that survive the way to another thread: errors as their message, the rest as text where it is not plain. */
export function plainFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => {
      if (value instanceof Error) return [name, value.message];
      return [name, typeof value === 'object' && value !== null ? String(safeJson(value)) : typeof value === 'function' || typeof value === 'symbol' ? String(value) : value];
    }),
  );
}

function safeJson(value: object): string {
  try {
    return JSON.stringify(value, (_key, it: unknown) => (typeof it === 'bigint' ? it.toString() : it));
  } catch {
    return String(value);
  }
}
