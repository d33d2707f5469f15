'use strict';
// A worker in a process of its own, for tests that kill it: node run-worker.cjs '{"group.id": ...}'
// Sends a message when it is ready; takes lists of connectors to create.
const { ConnectWorker } = require('../dist/index.js');

const silent = () => undefined;
const line = (level) => (fields, message) => process.stderr.write(`${level} ${message} ${JSON.stringify(fields)}\n`);
const logger = { trace: silent, debug: silent, info: silent, warn: line('WARN'), error: line('ERROR'), child: () => logger };
const worker = new ConnectWorker({ config: JSON.parse(process.argv[2]), advertisedUrl: 'http://killed:8083/', pluginRoots: [], logger, forward: () => Promise.reject(new Error('alone')) });

process.on('message', async (connectors) => {
  for (const connector of connectors) await worker.rest.createConnector(connector, {});
});
worker.start().then(
  () => process.send('ready'),
  (error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exit(1);
  },
);
