import * as fs from 'node:fs';
import * as path from 'node:path';
import ts from 'typescript';
import type { RaftMachine, RaftMachineOptions } from '../src/index.js';

/** A change of the machine's source that makes it wrong. `from` must be there exactly once. */
export interface Mutation {
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const SOURCES = path.resolve(__dirname, '../src');
const transpiled = new Map<string, string>();

/** The machine, compiled anew with the mutation in it. The source on the disk stays as it is. */
export function mutatedMachine({ name, file, from, to }: Mutation): (options: RaftMachineOptions) => RaftMachine {
  const source = fs.readFileSync(path.join(SOURCES, file), 'utf8');
  if (source.split(from).length !== 2) throw new Error(`the mutation "${name}" does not fit ${file} any more`);
  const modules = new Map<string, Record<string, unknown>>();
  const load = (moduleFile: string): Record<string, unknown> => {
    const known = modules.get(moduleFile);
    if (known !== undefined) return known;
    const exported: Record<string, unknown> = {};
    modules.set(moduleFile, exported);
    const code = moduleFile === file ? compile(source.replace(from, () => to)) : compiled(moduleFile);
    const requireFrom = (id: string): unknown => (id.startsWith('./') ? load(`${id.slice(2, -'.js'.length)}.ts`) : require(id));
    new Function('exports', 'require', code)(exported, requireFrom);
    return exported;
  };
  const { RaftMachine: Mutated } = load('raft-machine.ts') as { RaftMachine: new (options: RaftMachineOptions) => RaftMachine };
  return (options) => new Mutated(options);
}

function compiled(file: string): string {
  let code = transpiled.get(file);
  if (code === undefined) transpiled.set(file, (code = compile(fs.readFileSync(path.join(SOURCES, file), 'utf8'))));
  return code;
}

function compile(source: string): string {
  return ts.transpileModule(source, { compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 } }).outputText;
}
