'use strict';
// How records are written down for comparison: clocks and tokens as `*`, long texts by length and hash, schemas apart.
const { createHash } = require('node:crypto');

const CLOCKS = ['ts_ms', 'ts_us', 'ts_ns'];
const OF_SOURCE = [...CLOCKS, 'version', 'wallTime', 'txnNumber'];
const LONGEST = 400;

function short(value) {
  if (typeof value === 'string') return value.length > LONGEST ? `…${value.length} ${createHash('sha256').update(value).digest('hex').slice(0, 16)}` : value;
  if (Array.isArray(value)) return value.map(short);
  if (value !== null && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([name, it]) => [name, short(it)]));
  return value;
}

const star = (it, names) => Object.fromEntries(Object.entries(it).map(([name, item]) => [name, names.includes(name) && item !== null ? '*' : item]));

/** The form stays, the numbers do not. */
function maskedLsid(lsid) {
  return lsid === null || lsid === undefined ? lsid : lsid.replace(/("\$binary": ")[^"]+/g, '$1*');
}

function maskedSource(source) {
  return { ...star(source, OF_SOURCE), lsid: maskedLsid(source.lsid), ord: source.ord < 0 ? source.ord : '*' };
}

function maskedValue(value) {
  if (value === null) return null;
  return short({ ...star(value, CLOCKS), ...(value.source ? { source: maskedSource(value.source) } : {}) });
}

/** A record {topic, key, value, headers, partition, offset} with key and value as {schema, payload}. */
function shapeRecord(it) {
  return {
    topic: it.topic,
    keySchema: it.key?.schema ?? null,
    valueSchema: it.value?.schema ?? null,
    key: it.key?.payload ?? null,
    value: maskedValue(it.value?.payload ?? null),
    headers: star(it.headers, ['__debezium.context.runId']),
    partition: it.partition,
    offset: { ...star(it.offset, ['resume_token', 'txnNumber']), ...(it.offset.lsid === undefined ? {} : { lsid: maskedLsid(it.offset.lsid) }), sec: it.offset.sec < 0 ? it.offset.sec : '*', ord: it.offset.ord < 0 ? it.offset.ord : '*' },
  };
}

/** Schemas are many times the same: records name them by number. */
function collect(shapes) {
  const schemas = [];
  const numberOf = (schema) => {
    if (schema === null) return null;
    const text = JSON.stringify(schema);
    const found = schemas.findIndex((it) => JSON.stringify(it) === text);
    return found >= 0 ? found : schemas.push(schema) - 1;
  };
  return { schemas, records: shapes.map(({ keySchema, valueSchema, ...rest }) => ({ ...rest, schemas: [numberOf(keySchema), numberOf(valueSchema)] })) };
}

module.exports = { shapeRecord, collect };
