import fs from 'node:fs';
import path from 'node:path';
import { emitFile, emitIndex } from './emit-file.js';
import { emitErrors } from './errors-table.js';
import type { SchemaFile } from './schema-model.js';
import { SchemaParser } from './schema-parser.js';

const SCHEMAS = 'libs/protocol/schemas';
const GENERATED = 'libs/protocol/src/generated';

export function readSchemas(root: string): SchemaFile[] {
  const folder = path.join(root, SCHEMAS);
  const names = fs.readdirSync(folder).filter((it) => it.endsWith('.schema'));
  return names.sort().map((it) => new SchemaParser(it.replace(/\.schema$/, ''), fs.readFileSync(path.join(folder, it), 'utf8')).parse());
}

/** What should stand in `src/generated`: file name to text. */
export function generate(root: string): Map<string, string> {
  const files = readSchemas(root);
  const output = new Map(files.map((file) => [`${file.name}.ts`, emitFile(file)]));
  output.set('apis.ts', emitIndex(files));
  output.set('errors.ts', emitErrors(fs.readFileSync(path.join(root, SCHEMAS, 'errors.txt'), 'utf8')));
  return output;
}

/** Names of generated files that are not as the schemas say, whether missing, different or left over. */
export function differences(root: string): string[] {
  const folder = path.join(root, GENERATED);
  const wanted = generate(root);
  const present = fs.existsSync(folder) ? fs.readdirSync(folder) : [];
  const leftOver = present.filter((it) => !wanted.has(it));
  const different = [...wanted].filter(([name, text]) => !present.includes(name) || fs.readFileSync(path.join(folder, name), 'utf8') !== text);
  return [...leftOver, ...different.map(([name]) => name)];
}

/** `codegen` writes, `codegen --check` only compares, `codegen --model` prints the parsed schemas as JSON. Returns the exit code. */
export function runCodegen(root: string, args: readonly string[]): number {
  if (args.includes('--model')) {
    process.stdout.write(JSON.stringify(readSchemas(root)));
    return 0;
  }
  const differing = differences(root);
  if (args.includes('--check')) {
    if (differing.length > 0) console.error(`codegen: not as ${SCHEMAS} says (run "node apps/devtools/codegen.cjs"): ${differing.join(', ')}`);
    return differing.length > 0 ? 1 : 0;
  }
  const wanted = generate(root);
  fs.mkdirSync(path.join(root, GENERATED), { recursive: true });
  for (const name of differing) {
    const text = wanted.get(name);
    if (text === undefined) fs.rmSync(path.join(root, GENERATED, name));
    else fs.writeFileSync(path.join(root, GENERATED, name), text);
  }
  return 0;
}
