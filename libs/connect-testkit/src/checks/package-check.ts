import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { PluginEntry } from '@millrace/connect-api';
import { ensure } from '../check.js';

interface PackageFile {
  readonly name?: string;
  readonly version?: string;
  readonly license?: string;
  readonly description?: string;
  readonly keywords?: readonly string[];
  readonly files?: readonly string[];
  readonly engines?: { readonly node?: string };
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly millrace?: { readonly apiVersion?: unknown; readonly plugins?: readonly Partial<PluginEntry>[] };
}

const API = '@millrace/connect-api';
const NAME = /^(@[^/]+\/connector-|millrace-connector-)[a-z0-9]/;

/** What is wrong with a connector's package; nothing when discovery, npm and a user's eye find all that they look for. */
export function packageProblems(folder: string, type: 'source' | 'sink'): string[] {
  const file = path.join(folder, 'package.json');
  if (!existsSync(file)) return [`${folder} has no package.json`];
  const it = JSON.parse(readFileSync(file, 'utf8')) as PackageFile;
  const problems: string[] = [];
  const want = (isRight: boolean, problem: string): void => {
    if (!isRight) problems.push(problem);
  };
  want(NAME.test(it.name ?? ''), `the name must be @scope/connector-<system> or millrace-connector-<system>, not ${it.name ?? 'missing'}`);
  want(/^\d+\.\d+\.\d+/.test(it.version ?? ''), 'version is missing');
  want((it.description ?? '') !== '', 'description is missing');
  want((it.license ?? '') !== '', 'license is missing');
  for (const keyword of ['millrace-connector', type]) want(it.keywords?.includes(keyword) ?? false, `keywords lack "${keyword}"`);
  want(it.files !== undefined, 'files does not say what is published');
  want(it.engines?.node !== undefined, 'engines.node is missing');
  want(it.peerDependencies?.[API] !== undefined, `${API} must be a peer dependency`);
  want(it.dependencies?.[API] === undefined, `${API} must not be a dependency: two copies would meet in one worker`);
  for (const script of ['preinstall', 'install', 'postinstall']) want(it.scripts?.[script] === undefined, `the script ${script} would run on every worker`);
  want(existsSync(path.join(folder, 'README.md')), 'README.md is missing');
  return [...problems, ...manifestProblems(folder, it, type)];
}

function manifestProblems(folder: string, { millrace }: PackageFile, type: 'source' | 'sink'): string[] {
  if (!millrace) return ['the member "millrace" is missing: nothing discovers the plugin'];
  const problems: string[] = [];
  if (millrace.apiVersion !== 1) problems.push(`millrace.apiVersion must be 1, not ${String(millrace.apiVersion)}`);
  const plugins = millrace.plugins ?? [];
  if (!plugins.some((it) => it.type === type)) problems.push(`millrace.plugins has no ${type}`);
  for (const it of plugins) {
    const name = it.class ?? 'a plugin without class';
    if (it.class === undefined || it.class === '') problems.push('a plugin has no class');
    if (it.entry === undefined || !isInside(it.entry)) problems.push(`${name}: entry must be a module inside the package, not ${String(it.entry)}`);
    else if (it.type === 'source' || it.type === 'sink') problems.push(...entryProblems(folder, name, it.entry, it.export ?? 'plugin'));
  }
  return problems;
}

/** A package that is not built yet has nothing to look into. */
function entryProblems(folder: string, name: string, entry: string, exported: string): string[] {
  const file = path.resolve(folder, entry);
  if (!existsSync(file)) return [];
  const module = createRequire(path.join(folder, 'package.json'))(file) as Readonly<Record<string, { readonly connector?: unknown; readonly task?: unknown } | undefined>>;
  const plugin = module[exported];
  return typeof plugin?.connector === 'function' && typeof plugin.task === 'function' ? [] : [`${name}: ${entry} exports no plugin as "${exported}"`];
}

function isInside(entry: string): boolean {
  return !path.isAbsolute(entry) && !path.normalize(entry).startsWith('..');
}

export function ensurePackage(folder: string, type: 'source' | 'sink'): void {
  const problems = packageProblems(folder, type);
  ensure(problems.length === 0, problems.join('\n'));
}
