// Turns libs/protocol/schemas into libs/protocol/src/generated, before anything is built: it runs the TypeScript of src/codegen
// by transpiling it on the way in. `--check` fails when a committed file differs.
'use strict';
const fs = require('node:fs');
const Module = require('node:module');
const path = require('node:path');
const ts = require('typescript');

const folder = path.join(__dirname, 'src', 'codegen');
const options = { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2023, esModuleInterop: true };
require.extensions['.ts'] = (module, file) => module._compile(ts.transpileModule(fs.readFileSync(file, 'utf8'), { compilerOptions: options }).outputText, file);
const resolve = Module._resolveFilename;
Module._resolveFilename = (request, parent, ...rest) =>
  resolve(request.startsWith('./') && parent?.filename?.startsWith(folder) ? request.replace(/\.js$/, '.ts') : request, parent, ...rest);

const { runCodegen } = require(path.join(folder, 'codegen.ts'));
process.exitCode = runCodegen(path.resolve(__dirname, '../..'), process.argv.slice(2));
