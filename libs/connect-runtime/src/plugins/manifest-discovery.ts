import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import type { PluginEntry } from '@millrace/connect-api';
import { errorMessage, type Logger } from '@millrace/foundation';
import type { PluginDescriptor } from './plugin-descriptor.js';

const TYPES: ReadonlySet<string> = new Set(['source', 'sink', 'converter', 'header_converter', 'transformation', 'predicate']);

export interface DiscoveryOptions {
  /** The value of `plugin.path`: folders that are packages, hold packages, or have a node_modules. */
  readonly pluginPath: readonly string[];
  /** Folders whose node_modules, and those of their parents, are searched. */
  readonly roots: readonly string[];
  readonly logger: Logger;
}

/** Finds plugins by the manifests in package.json files. Runs none of their code; a broken manifest is skipped with a warning. */
export function discoverPlugins(options: DiscoveryOptions): PluginDescriptor[] {
  const found: PluginDescriptor[] = [];
  const seen = new Set<string>();
  const visit = (folder: string): void => {
    const real = realpath(folder);
    if (real === undefined || seen.has(real)) return;
    seen.add(real);
    found.push(...readPackage(real, options.logger));
  };
  for (const folder of options.pluginPath) {
    visit(folder);
    packagesIn(folder).forEach(visit);
    packagesIn(path.join(folder, 'node_modules')).forEach(visit);
  }
  for (const root of options.roots) {
    visit(root);
    for (let folder = path.resolve(root); ; folder = path.dirname(folder)) {
      packagesIn(path.join(folder, 'node_modules')).forEach(visit);
      if (folder === path.dirname(folder)) break;
    }
  }
  return found;
}

function packagesIn(folder: string): string[] {
  return subfolders(folder).flatMap((name) => {
    const child = path.join(folder, name);
    return name.startsWith('@') ? subfolders(child).map((it) => path.join(child, it)) : [child];
  });
}

function subfolders(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((it) => (it.isDirectory() || it.isSymbolicLink()) && !it.name.startsWith('.') && it.name !== 'node_modules')
      .map((it) => it.name)
      .sort();
  } catch {
    return [];
  }
}

function realpath(folder: string): string | undefined {
  try {
    return statSync(folder).isDirectory() ? realpathSync(folder) : undefined;
  } catch {
    return undefined;
  }
}

function readPackage(folder: string, logger: Logger): PluginDescriptor[] {
  let text: string;
  try {
    text = readFileSync(path.join(folder, 'package.json'), 'utf8');
  } catch {
    return [];
  }
  if (!text.includes('"millrace"')) return [];
  try {
    const json = JSON.parse(text) as { version?: unknown; millrace?: unknown };
    if (typeof json.millrace !== 'object' || json.millrace === null || !('plugins' in json.millrace)) return [];
    return readManifest(json.millrace as Record<string, unknown>).map((entry) => ({
      class: entry.class,
      type: entry.type,
      version: typeof json.version === 'string' ? json.version : undefined,
      folder,
      entry: path.resolve(folder, entry.entry),
      exportName: entry.export ?? 'plugin',
      aliases: entry.aliases ?? [],
      taskClass: entry.taskClass ?? entry.class,
    }));
  } catch (error) {
    logger.warn({ folder, error: errorMessage(error) }, 'a plugin manifest is skipped');
    return [];
  }
}

function readManifest(manifest: Record<string, unknown>): PluginEntry[] {
  if (manifest.apiVersion !== 1) throw new Error(`its apiVersion is ${String(manifest.apiVersion)}, this worker knows 1`);
  if (!Array.isArray(manifest.plugins)) throw new Error('its plugins are not a list');
  return manifest.plugins.map((entry: unknown) => {
    const it = entry as Partial<Record<keyof PluginEntry, unknown>> | null;
    if (typeof it?.class !== 'string' || typeof it.entry !== 'string' || typeof it.type !== 'string' || !TYPES.has(it.type)) {
      throw new Error('a plugin needs the members class, type and entry');
    }
    if (it.aliases !== undefined && !(Array.isArray(it.aliases) && it.aliases.every((alias) => typeof alias === 'string'))) throw new Error('its aliases are not a list of names');
    return it as PluginEntry;
  });
}
