import { DataError, type Value } from '@millrace/connect-api';
import { javaDoubleText } from './java-number-text.js';
import type { JsonBytes } from './json-bytes.js';

/** Writes a value that has no schema: numbers are doubles, bigints are integers, maps with only string keys are objects. */
export function writeSchemaless(json: JsonBytes, value: Value): void {
  if (value === null) return json.ascii('null');
  if (typeof value === 'boolean') return json.ascii(value ? 'true' : 'false');
  if (typeof value === 'bigint') return json.ascii(value.toString());
  if (typeof value === 'number') return Number.isFinite(value) ? json.ascii(javaDoubleText(value)) : json.string(javaDoubleText(value));
  if (typeof value === 'string') return json.string(value);
  if (value instanceof Uint8Array) return json.base64(value, 0, value.length);
  if (Array.isArray(value)) {
    json.byte(0x5b);
    value.forEach((item, index) => {
      if (index > 0) json.byte(0x2c);
      writeSchemaless(json, item);
    });
    return json.byte(0x5d);
  }
  if (value instanceof Map) return writeMap(json, value);
  throw new DataError(`a ${value.constructor.name} without a schema cannot be written as JSON`);
}

function writeMap(json: JsonBytes, map: ReadonlyMap<Value, Value>): void {
  const isObject = [...map.keys()].every((key) => typeof key === 'string');
  json.byte(isObject ? 0x7b : 0x5b);
  let index = 0;
  for (const [key, value] of map) {
    if (index++ > 0) json.byte(0x2c);
    if (!isObject) json.byte(0x5b);
    writeSchemaless(json, key);
    json.byte(isObject ? 0x3a : 0x2c);
    writeSchemaless(json, value);
    if (!isObject) json.byte(0x5d);
  }
  json.byte(isObject ? 0x7d : 0x5d);
}
