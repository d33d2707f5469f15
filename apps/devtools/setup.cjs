// Brings a clone to the point where it can run: packages installed, sources compiled. Called by `npm start` and `npm test`, so it needs
// nothing but Node and npm, does only what is missing, and says what it does.
'use strict';
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const root = path.resolve(__dirname, '../..');
const WANTED_NODE = [20, 19];

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

function step(text, program, args) {
  process.stdout.write(`${text} ... `);
  const begun = Date.now();
  const result = spawnSync(program, args, { cwd: root, encoding: 'utf8', maxBuffer: 256 * 1024 * 1024, shell: process.platform === 'win32', env: { ...process.env, npm_config_loglevel: 'error' } });
  if (result.status !== 0) fail(`failed\n${result.stdout ?? ''}${result.stderr ?? ''}${result.error ? result.error.message : ''}`);
  process.stdout.write(`${((Date.now() - begun) / 1000).toFixed(1)} s\n`);
}

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < WANTED_NODE[0] || (major === WANTED_NODE[0] && minor < WANTED_NODE[1])) fail(`Millrace needs Node ${WANTED_NODE.join('.')} or later; this is ${process.versions.node}.`);

// npm writes this file at the end of an install: it is older than the lock file exactly when something is still to be installed.
const installed = path.join(root, 'node_modules/.package-lock.json');
const lock = path.join(root, 'package-lock.json');
if (!fs.existsSync(installed) || fs.statSync(installed).mtimeMs < fs.statSync(lock).mtimeMs) {
  step('Installing packages (the first time only)', 'npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund']);
  const now = new Date();
  fs.utimesSync(installed, now, now);
}
step('Compiling', process.execPath, [path.join(root, 'node_modules/typescript/bin/tsc'), '-b']);
