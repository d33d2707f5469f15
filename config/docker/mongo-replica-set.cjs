// mongo-replica-set URL NAME HOST:PORT: initiates a replica set of one member unless it is one, and waits for its primary.
'use strict';
const { createRequire } = require('node:module');
const { setTimeout: delay } = require('node:timers/promises');
const { MongoClient } = createRequire(require.resolve('../../connectors/mongo-source/package.json'))('mongodb');

const [url, name, member] = process.argv.slice(2);
const ALREADY_INITIALIZED = 23;
const TRIES_MAX = 120;

async function initiate() {
  const client = await MongoClient.connect(url, { directConnection: true, serverSelectionTimeoutMS: 2000 });
  try {
    const admin = client.db('admin');
    await admin.command({ replSetInitiate: { _id: name, members: [{ _id: 0, host: member }] } }).catch((error) => {
      if (error.code !== ALREADY_INITIALIZED) throw error;
    });
    return (await admin.command({ hello: 1 })).isWritablePrimary === true;
  } finally {
    await client.close();
  }
}

(async () => {
  for (let tries = 1; ; tries++) {
    const outcome = await initiate().catch((error) => error);
    if (outcome === true) return console.log(`replica set ${name} has a primary`);
    if (tries === TRIES_MAX) throw outcome;
    await delay(1000);
  }
})().catch((error) => {
  console.error(error instanceof Error ? error.message : 'there is no primary');
  process.exitCode = 1;
});
