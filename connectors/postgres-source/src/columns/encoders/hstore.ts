import { Schema } from '@millrace/connect-api';
import { constantText, type Encode, type TypeMapping } from './encode.js';

const JSON_TEXT = Schema.of('string', { name: 'io.debezium.data.Json', version: 1 });
const MAP = Schema.map(Schema.of('string'), Schema.of('string', { optional: true }));

export function hstoreMapping(mode: 'json' | 'map', placeholder: string): TypeMapping {
  const unchanged = new Map<string, string | null>([[placeholder, placeholder]]);
  if (mode === 'json') return { schema: JSON_TEXT, encode: encodeJson, whenNull: constantText('{}'), whenUnchanged: constantText(toJson(unchanged)) };
  return { schema: MAP, encode: (writer, bytes, start, end) => writeMap(writer, parseHstore(bytes.toString('utf8', start, end))), whenNull: (writer) => writeMap(writer, new Map()), whenUnchanged: (writer) => writeMap(writer, unchanged) };
}

function writeMap(writer: Parameters<Encode>[0], pairs: ReadonlyMap<string, string | null>): void {
  writer.beginMap(MAP, pairs.size);
  for (const [key, value] of inJavaOrder(pairs)) {
    writer.string(key);
    if (value === null) writer.null();
    else writer.string(value);
  }
  writer.endMap();
}

const encodeJson: Encode = (writer, bytes, start, end) => writer.string(toJson(parseHstore(bytes.toString('utf8', start, end))));

function toJson(pairs: ReadonlyMap<string, string | null>): string {
  return `{${inJavaOrder(pairs)
    .map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`)
    .join(',')}}`;
}

const PAIR = /"((?:[^"\\]|\\.)*)"=>(?:"((?:[^"\\]|\\.)*)"|NULL)(?:, )?/gs;

/** `"a"=>"1", "b"=>NULL`. */
export function parseHstore(text: string): Map<string, string | null> {
  const unescape = (it: string): string => it.replace(/\\(.)/gs, '$1');
  return new Map(Array.from(text.matchAll(PAIR), ([, key = '', value]) => [unescape(key), value === undefined ? null : unescape(value)]));
}

/** The order in which a Java HashMap gives its keys, so that the JSON text is the same as Debezium's. */
function inJavaOrder<T>(entries: Iterable<readonly [string, T]>): (readonly [string, T])[] {
  const pairs = [...entries];
  let capacity = 16;
  while (pairs.length > capacity * 0.75) capacity *= 2;
  const bucket = (key: string): number => {
    let hash = 0;
    for (let i = 0; i < key.length; i++) hash = (Math.imul(hash, 31) + key.charCodeAt(i)) | 0;
    return (hash ^ (hash >>> 16)) & (capacity - 1);
  };
  return pairs.map((pair, index) => ({ pair, index, bucket: bucket(pair[0]) })).sort((a, b) => a.bucket - b.bucket || a.index - b.index).map((it) => it.pair);
}
