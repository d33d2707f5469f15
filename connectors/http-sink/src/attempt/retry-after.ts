/** Milliseconds that a Retry-After header asks for: seconds, or a date. Undefined where there is none that makes sense. */
export function retryAfterMs(header: string | string[] | undefined, nowMs: number, mostMs: number): number | undefined {
  const text = (Array.isArray(header) ? header[0] : header)?.trim();
  if (text === undefined || text === '') return undefined;
  if (/^\d+(\.\d+)?$/.test(text)) return Math.min(mostMs, Math.ceil(Number(text) * 1000));
  const atMs = /[a-z]{3}/i.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(atMs) ? undefined : Math.min(mostMs, Math.max(0, atMs - nowMs));
}
