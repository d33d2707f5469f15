import type { OffsetMap } from '@millrace/connect-api';
import { CheckFailure } from '../check.js';

type OffsetValue = string | number | bigint | boolean | null;

/**
 * A partition's or an offset's JSON text, as the offset topic has it: no white space, members in their order, integers in full.
 * Two partitions are the same when their texts are. Fails for what no offset may hold.
 */
export function offsetText(map: OffsetMap): string {
  if (typeof map !== 'object' || map === null || Array.isArray(map)) throw new CheckFailure(`an offset must be a flat map, but it is ${describe(map)}`);
  const members = Object.entries(map).filter(([, value]) => (value as unknown) !== undefined);
  return `{${members.map(([name, value]) => `${JSON.stringify(name)}:${valueText(name, value)}`).join(',')}}`;
}

/** The map of such a text: integers beyond ±2^53 come back as bigint, all others as number. */
export function offsetFromText(text: string): OffsetMap {
  const map: Record<string, OffsetValue> = {};
  // JSON.parse has lost the digits of a large integer by the time its reviver runs: they are taken from the text.
  const exact = text.replace(/("(?:[^"\\]|\\.)*")|(-?\d{16,})(?![\d.eE])/g, (_all, quoted: string | undefined, digits: string | undefined) => quoted ?? `{"integer":"${digits}"}`);
  for (const [name, value] of Object.entries(JSON.parse(exact) as Record<string, unknown>)) map[name] = isInteger(value) ? narrowed(value.integer) : (value as OffsetValue);
  return map;
}

function valueText(name: string, value: unknown): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number' && Number.isFinite(value)) return Number.isInteger(value) ? BigInt(value).toString() : JSON.stringify(value);
  throw new CheckFailure(`an offset may hold text, numbers, booleans and null only, but ${name} is ${describe(value)}`);
}

function isInteger(value: unknown): value is { readonly integer: string } {
  return typeof value === 'object' && value !== null && 'integer' in value;
}

function narrowed(digits: string): number | bigint {
  const value = Number(digits);
  return Number.isSafeInteger(value) ? value : BigInt(digits);
}

function describe(value: unknown): string {
  return Array.isArray(value) ? 'an array' : typeof value === 'number' ? String(value) : value === null ? 'null' : `a ${typeof value}`;
}
