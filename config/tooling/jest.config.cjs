'use strict';
const path = require('node:path');
const architecture = require('./architecture.json');

const root = path.resolve(__dirname, '../..');
const swc = {
  jsc: { target: 'es2022', parser: { syntax: 'typescript', decorators: true }, transform: { legacyDecorator: true, decoratorMetadata: true } },
  module: { type: 'commonjs' },
  sourceMaps: 'inline',
};

/** The suffix of a test file says what it needs: see docs/testing.md. */
module.exports = {
  rootDir: root,
  testEnvironment: 'node',
  testMatch: ['<rootDir>/{libs,apps,connectors}/*/{src,test}/**/*{.,-}spec.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/dist/'],
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.millrace/'],
  transform: { '^.+\\.ts$': ['@swc/jest', swc] },
  moduleNameMapper: {
    ...Object.fromEntries(Object.entries(architecture.packages).map(([name, { path: folder }]) => [`^${architecture.scope}/${name}$`, `<rootDir>/${folder}/src/index.ts`])),
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  maxWorkers: 2,
  testTimeout: 30000,
};
