import { createPostgresBackend, createRedisBackend, runMigrations, withBackend } from 'bullmq';
import { Client } from 'pg';
import { BullmqQueue, type BullmqQueueOptions } from './bullmq-queue.js';
import type { JobQueue } from './job.js';
import { safelyDecoded } from './job-settings.js';

/** Of the tables in a PostgreSQL store. */
const SCHEMA = 'millrace_jobs';
const CONNECT_TIMEOUT_MS = 10_000;

/** Connects to the configured store and begins to run jobs. The only way to BullMQ, for `import()`: loading it takes longer than all else at a worker's start. */
export async function openBullmq(options: BullmqQueueOptions): Promise<JobQueue> {
  const queue = options.settings.kind === 'postgresql' ? await onPostgres(options) : onRedis(options);
  try {
    await queue.start();
  } catch (error) {
    await queue.close().catch(() => undefined);
    throw error;
  }
  return queue;
}

async function onPostgres(options: BullmqQueueOptions): Promise<BullmqQueue<ReturnType<typeof createPostgresBackend>, Parameters<typeof createPostgresBackend>[1]['connection']>> {
  const connectionString = options.settings.url.href;
  const client = new Client({ connectionString, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  // A connection that breaks while it is idle must not end the process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await runMigrations(client, SCHEMA);
  } finally {
    await client.end();
  }
  return new BullmqQueue(withBackend(createPostgresBackend), { connectionString, schema: SCHEMA, connectionTimeoutMillis: CONNECT_TIMEOUT_MS }, options);
}

function onRedis(options: BullmqQueueOptions) {
  const { url } = options.settings;
  const connection = {
    host: url.hostname,
    port: Number(url.port || 6379),
    db: Number(url.pathname.slice(1) || 0),
    ...(url.username === '' ? {} : { username: safelyDecoded(url.username) }),
    ...(url.password === '' ? {} : { password: safelyDecoded(url.password) }),
    ...(url.protocol === 'rediss:' ? { tls: {} } : {}),
    maxRetriesPerRequest: null,
    connectTimeout: CONNECT_TIMEOUT_MS,
  };
  return new BullmqQueue(withBackend(createRedisBackend), connection, options);
}
