'use strict';
// For dependency-cruiser, which reads this form: our packages resolve to their sources, so that arrows are seen file by file.
const path = require('node:path');
const architecture = require('./architecture.json');

const root = path.resolve(__dirname, '../..');
module.exports = {
  resolve: {
    alias: Object.fromEntries(Object.entries(architecture.packages).map(([name, { path: folder }]) => [`${architecture.scope}/${name}$`, path.join(root, folder, 'src/index.ts')])),
    extensionAlias: { '.js': ['.ts', '.js'] },
  },
};
