import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Schema, Struct, type ConnectRecord, type Value } from '@millrace/connect-api';
import { configTable, plainValue } from '@millrace/connect-testkit';
import { plugin, SETTINGS } from './index.js';

const PERSON = Schema.struct({ name: Schema.of('string'), age: Schema.of('int32') }, { name: 'example.Person' });

function record(valueSchema: Schema | null, value: Value): ConnectRecord {
  return { topic: 'people', partition: null, keySchema: null, key: 'k', valueSchema, value, timestampMs: 1, headers: [] };
}

function apply(it: ConnectRecord, fields = 'name'): ConnectRecord | null {
  const transformation = plugin.transformation();
  transformation.configure({ fields });
  return transformation.apply(it);
}

it('masks a field of a struct, and leaves the record alone', () => {
  const before = record(PERSON, new Struct(PERSON, { name: 'Ada', age: 36 }));
  const after = apply(before);
  expect(plainValue(PERSON, after?.value ?? null)).toEqual({ name: '***', age: 36 });
  expect(plainValue(PERSON, before.value)).toEqual({ name: 'Ada', age: 36 });
});

it('masks a member of a map without a schema', () => {
  expect(apply(record(null, new Map<Value, Value>([['name', 'Ada'], ['age', 36n]])))?.value).toEqual(new Map<Value, Value>([['name', '***'], ['age', 36n]]));
});

it('lets a record without a value pass', () => {
  const tombstone = record(null, null);
  expect(apply(tombstone)).toBe(tombstone);
});

it('refuses what it cannot mask', () => {
  expect(() => apply(record(PERSON, new Struct(PERSON, { name: 'Ada', age: 36 })), 'age')).toThrow('age is not a text');
  expect(() => apply(record(null, 'text'))).toThrow('must be a map');
});

it('has its settings in the README', () => {
  expect(readFileSync(path.join(__dirname, '../README.md'), 'utf8')).toContain(configTable(SETTINGS));
});
