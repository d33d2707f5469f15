'use strict';
// Runs operations.json (Extended JSON, an operation a line) over MongoDB's driver: for the recorder and for the specs alike.
const fs = require('node:fs');
const path = require('node:path');
const { EJSON } = require('bson');

const FENCE = { database: 'shop', collection: 'fence' };

/** `@repeat:x:5` stands for `xxxxx`, so that the file stays small. */
function expand(value) {
  if (typeof value === 'string') {
    const match = /^@repeat:(.):(\d+)$/u.exec(value);
    return match ? match[1].repeat(Number(match[2])) : value;
  }
  if (Array.isArray(value)) return value.map(expand);
  if (value !== null && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype) return Object.fromEntries(Object.entries(value).map(([name, it]) => [name, expand(it)]));
  return value;
}

function load() {
  const operations = JSON.parse(fs.readFileSync(path.join(__dirname, 'operations.json'), 'utf8')).map((it) => EJSON.parse(JSON.stringify(it), { relaxed: false }));
  const start = operations.findIndex((it) => it.start !== undefined);
  return { before: operations.slice(0, start).map(expand), after: operations.slice(start + 1).map(expand) };
}

async function run(client, operation, session) {
  if (operation.transaction) {
    const session = client.startSession();
    session.startTransaction();
    for (const it of operation.transaction) await run(client, it, session);
    await session.commitTransaction();
    await session.endSession();
    return;
  }
  const reply = await client.db(operation.db).command(operation.command, session ? { session } : {});
  if (reply.writeErrors) throw new Error(JSON.stringify(reply.writeErrors));
}

/** A record that tells that everything before it has come through. */
async function fence(client, number) {
  await client.db(FENCE.database).collection(FENCE.collection).insertOne({ _id: number });
}

/** The settings under which the script is recorded, by name. */
const RUNS = {
  plain: {},
  images: {
    'capture.mode': 'change_streams_update_full_with_pre_image',
    'capture.mode.full.update.type': 'post_image',
    'capture.scope': 'database',
    'capture.target': 'shop',
    'field.exclude.list': 'shop.images.secret,shop.images.deep.secret,shop.images.rows.secret,shop.orders.text',
    'field.renames': 'shop.images.deep.old:fresh,shop.images.rows.old:fresh,*.orders.customer:buyer',
    'tombstones.on.delete': 'false',
    'skipped.operations': 'none',
  },
  listed: {
    'capture.mode': 'change_streams_with_pre_image',
    'database.include.list': 'shop, OTHER',
    'collection.include.list': 'shop[.]orders ,  other[.].*, shop[.]fence, shop[.]dotted[.]name',
    'skipped.operations': 'd',
    'extended.headers.enabled': 'false',
    'cursor.pipeline': '[{"$match": {"documentKey._id": {"$ne": 30}}}]',
  },
  literal: {
    'capture.mode': 'change_streams',
    'filters.match.mode': 'literal',
    'collection.include.list': 'shop.orders, shop.fence',
    'snapshot.mode': 'no_data',
    'cursor.oversize.handling.mode': 'skip',
    'cursor.oversize.skip.threshold': '100000',
    'topic.delimiter': '_',
    'schema.name.adjustment.mode': 'none',
  },
};

module.exports = { load, run, fence, FENCE, RUNS };
