import { parseArgs } from 'node:util';
import { MongoDouble } from './mongo-double.js';

/**
 * Runs a double as a process of its own: `node dist/main.js --port 27017 [--host 127.0.0.1] [--set rs0] [--file changes.bson] [--user u --password p]`.
 * Prints its connection string when it listens; SIGTERM ends it in order, and after SIGKILL the file still has all that was answered.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { port: { type: 'string' }, host: { type: 'string' }, set: { type: 'string' }, file: { type: 'string' }, user: { type: 'string' }, password: { type: 'string' }, 'event-bytes-max': { type: 'string' } },
  });
  const double = await MongoDouble.start({
    port: Number(values.port ?? 0),
    host: values.host,
    setName: values.set,
    file: values.file,
    user: values.user,
    password: values.password,
    eventBytesMax: values['event-bytes-max'] === undefined ? undefined : Number(values['event-bytes-max']),
  });
  process.stdout.write(`${double.url}\n`);
  process.once('SIGTERM', () => void double.close());
}

void main();
