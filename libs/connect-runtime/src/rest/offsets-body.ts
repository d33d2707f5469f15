import type { Value } from '@millrace/connect-api';
import { errorMessage } from '@millrace/foundation';
import { JsonCursor } from '../converters/json/json-cursor.js';
import { readSchemaless } from '../converters/json/schemaless-reader.js';
import { ConnectRestError } from './rest-error.js';
import type { ConnectorOffset, ConnectorOffsets } from './shapes.js';

/**
 * The body of PATCH /connectors/{name}/offsets. Integers keep their digits: those beyond 2^53 are bigints. What is not JSON or has another
 * form is refused with 500, as Connect does.
 */
export function parseOffsetsBody(text: string): ConnectorOffsets {
  const cursor = new JsonCursor();
  cursor.reset(Buffer.from(text, 'utf8'));
  let json: unknown;
  try {
    json = plain(readSchemaless(cursor));
    cursor.expectEnd();
  } catch (error) {
    throw unreadable(errorMessage(error));
  }
  if (!isObject(json)) throw unreadable('an object was expected');
  for (const name of Object.keys(json)) if (name !== 'offsets') throw unreadable(`unknown member "${name}"`);
  const offsets = json.offsets ?? [];
  if (!Array.isArray(offsets)) throw unreadable('"offsets" is not a list');
  return { offsets: offsets.map(offsetOf) };
}

function offsetOf(json: unknown): ConnectorOffset {
  if (!isObject(json)) throw unreadable('an offset is not an object');
  for (const name of Object.keys(json)) if (name !== 'partition' && name !== 'offset') throw unreadable(`unknown member "${name}"`);
  const { partition = null, offset = null } = json;
  if ((partition !== null && !isObject(partition)) || (offset !== null && !isObject(offset))) throw unreadable('partition and offset are objects');
  return { partition, offset };
}

function isObject(json: unknown): json is Record<string, unknown> {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

function plain(value: Value): unknown {
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, it]) => [String(key), plain(it)]));
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  return value;
}

function unreadable(problem: string): ConnectRestError {
  return new ConnectRestError('INTERNAL', 500, `Cannot read the request body: ${problem}`);
}
