// Records what MongoDB's Java driver (the one that Debezium 3.6.1 brings) writes for documents of all types, also those that are out of use:
//   node connectors/mongo-source/test/record-extended-json.mjs > connectors/mongo-source/test/extended-json.json
// Characters are of blocks that have not grown since Unicode 13, which Java 17 knows.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';

const require = createRequire(import.meta.url);
const { BSON } = require('mongodb');
const folder = path.dirname(new URL(import.meta.url).pathname);
const cache = process.env.PEERS_CACHE ?? path.join(os.homedir(), '.cache', 'millrace-peers');

let state = 42;
const random = (below) => (state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff) % below;
const pick = (list) => list[random(list.length)];
const units = () => String.fromCodePoint(...Array.from({ length: 1 + random(6) }, () => pick([32 + random(95), random(32), 0xa0 + random(0x600), 0x3040 + random(0x6fff), 0xe000 + random(0x18ff), 0x1f300 + random(0x400)])));
const makers = [
  () => new BSON.Int32(random(2 ** 31) - 2 ** 30),
  () => new BSON.Double(pick([1, -1]) * (random(1e6) / pick([1, 10, 100, 1000]))),
  () => new BSON.Double(pick([1e7, 1e-3, 9.999e-4, 1e21, 1e100, 1.5e-9, 123456789, 12345678.5, 0.5, -0, 1e22, 5e-324, 1.7976931348623157e308, NaN, Infinity, -Infinity, 1234567.125, 4503599627370496.5])),
  () => BSON.Long.fromBigInt(BigInt(random(2 ** 31)) * BigInt(random(2 ** 31)) * BigInt(pick([1, -1, 0]))),
  units,
  () => pick([true, false, null]),
  () => new Date(pick([0, -1, 253402300799999, 253402300800000, 1600000000000, 1600000000100, 1600000000120, 1600000000123, -62135596800000, random(2 ** 31) * 1000])),
  () => new BSON.ObjectId(Uint8Array.from({ length: 12 }, () => random(256))),
  () => new BSON.Binary(Uint8Array.from({ length: random(20) }, () => random(256)), pick([0, 2, 3, 5, 6, 128, 255])),
  () => new BSON.UUID(Uint8Array.from({ length: 16 }, () => random(256))),
  () => new BSON.BSONRegExp(pick(['a.b', '"/\\d', 'ü', '']), pick(['', 'i', 'imx', 'ms'])),
  () => new BSON.Timestamp({ t: pick([0, 1, 4294967295]), i: random(100) }),
  () => BSON.Decimal128.fromString(pick(['0', '-0', '1.10', '1E+3', '12345678901234567890.123', '1E-6176', '9.999999999999999999999999999999999E+6144', 'NaN', 'Infinity', '-Infinity', '0.000001', '1E-7'])),
  () => new BSON.MinKey(),
  () => new BSON.MaxKey(),
  () => new BSON.Code(units()),
  () => new BSON.Code('f', { a: 1, [units().replaceAll('\0', '')]: 'x' }),
  () => new BSON.BSONSymbol(units()),
  () => ({}),
  () => [],
  () => document(),
  () => Array.from({ length: random(4) }, () => pick(makers)()),
];
let depth = 0;
function document() {
  depth += 1;
  const made = depth > 4 ? {} : Object.fromEntries(Array.from({ length: 1 + random(5) }, (_, i) => [random(4) === 0 ? `${i}${units().replaceAll('\0', '')}` : `f${i}`, pick(makers)()]));
  depth -= 1;
  return made;
}
const raw = (type, value) => {
  const size = 4 + 1 + 2 + value.length + 1;
  return Buffer.concat([Buffer.from([size, 0, 0, 0, type]), Buffer.from('x\0'), value, Buffer.from([0])]);
};
const documents = [
  ...makers.map((make) => Buffer.from(BSON.serialize({ v: make() }))),
  raw(0x06, Buffer.alloc(0)),
  raw(0x0c, Buffer.concat([Buffer.from([5, 0, 0, 0]), Buffer.from('a.b"\0'), Buffer.from('000102030405060708090a0b', 'hex')])),
  raw(0x05, Buffer.concat([Buffer.from([7, 0, 0, 0, 2, 3, 0, 0, 0]), Buffer.from('abc')])),
  Buffer.from(BSON.serialize({ all: Array.from({ length: 0x250 }, (_, i) => String.fromCharCode(i)).join('') })),
  Buffer.from(BSON.serialize({ marks: '\u0300\u0903\u20dd\u02b0\u2028\u2029\ufeff\u00ad\u200b\ufffd\ud7a3\uf8ff' })),
  ...Array.from({ length: 200 }, () => Buffer.from(BSON.serialize(document()))),
];
const java = spawnSync('java', ['-cp', path.join(cache, 'plugins', 'debezium-connector-mongodb', '*'), path.join(folder, 'ExtendedJson.java')], { input: documents.map((it) => it.toString('hex')).join('\n') + '\n', maxBuffer: 1e9 });
if (java.status !== 0) throw new Error(String(java.stderr));
const lines = java.stdout.toString('utf8').split('\n');
process.stdout.write(`[\n${documents.map((it, i) => JSON.stringify([it.toString('base64'), ...lines.slice(i * 4, i * 4 + 4)])).join(',\n')}\n]\n`);
