'use strict';
// A broker in a process of its own, for tests that kill it: node run-broker.cjs key=value ...
// Prints one JSON line with its endpoints when it is ready, and log lines of warnings and errors on stderr.
const { Broker } = require('../dist/index.js');

const line = (level) => (fields, message) => process.stderr.write(`${level} ${message} ${JSON.stringify(fields)}\n`);
const silent = () => undefined;
const verbose = process.env.MILLRACE_TEST_VERBOSE === '1';
const logger = { trace: silent, debug: verbose ? line('DEBUG') : silent, info: verbose ? line('INFO') : silent, warn: line('WARN'), error: line('ERROR'), child: () => logger };

const properties = Object.fromEntries(process.argv.slice(2).map((it) => [it.slice(0, it.indexOf('=')), it.slice(it.indexOf('=') + 1)]));
const broker = new Broker({ properties, logger, onFailure: () => process.exit(3) });
const stop = () => void broker.stop().then(() => process.exit(0));
process.on('SIGTERM', stop);
process.on('SIGINT', stop);
broker.start().then(
  () => process.stdout.write(`${JSON.stringify({ endpoints: broker.endpoints, clusterId: broker.clusterId })}\n`),
  (error) => {
    process.stderr.write(`FATAL ${error.code} ${error.message}\n${error.stack}\n`);
    process.exit(1);
  },
);
