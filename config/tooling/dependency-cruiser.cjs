'use strict';
const path = require('node:path');
const architecture = require('./architecture.json');

const packages = Object.entries(architecture.packages).map(([name, value]) => ({ name, ...value }));
const byName = Object.fromEntries(packages.map((it) => [it.name, it]));
const specs = '(\\.spec|-spec|\\.bench)\\.ts$|/test/';

/** One rule a package: everything of ours outside its own folder and outside its allowed imports is forbidden. */
const arrows = packages
  .filter((it) => it.imports !== 'any')
  .map((it) => ({
    name: `arrows-of-${it.name}`,
    severity: 'error',
    from: { path: `^${it.path}/src/`, pathNot: specs },
    to: { path: '^(libs|apps|connectors)/', pathNot: [it.path, ...it.imports.map((other) => byName[other].path)].map((folder) => `^${folder}/`) },
  }));

const deep = {
  name: 'no-deep-import',
  comment: 'Another package is imported by its name, through its index.',
  severity: 'error',
  from: { path: '^(libs|apps|connectors)/([^/]+)/' },
  to: { path: '^(libs|apps|connectors)/[^/]+/', pathNot: ['^(libs|apps|connectors)/$2/', '/src/index\\.ts$', '^libs/protocol/schemas/'] },
};

const nodeless = packages
  .filter((it) => Array.isArray(architecture.rings[it.ring].node) && architecture.rings[it.ring].node.length === 0)
  .map((it) => ({ name: `no-node-in-${it.name}`, severity: 'error', from: { path: `^${it.path}/src/`, pathNot: specs }, to: { dependencyTypes: ['core'] } }));

const nest = {
  name: 'nest-only-in-hosts',
  severity: 'error',
  from: { path: '^(libs|apps|connectors)/', pathNot: [specs, ...packages.filter((it) => it.nest).map((it) => `^${it.path}/`)] },
  to: { path: 'node_modules/@nestjs/' },
};

module.exports = {
  forbidden: [
    ...arrows,
    deep,
    ...nodeless,
    nest,
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } } },
  ],
  options: {
    doNotFollow: { path: ['node_modules', '/dist/'] },
    exclude: { path: ['/dist/', '/node_modules/(?!@nestjs)'] },
    tsPreCompilationDeps: true,
    webpackConfig: { fileName: path.join(__dirname, 'source-aliases.cjs') },
    combinedDependencies: true,
  },
};
