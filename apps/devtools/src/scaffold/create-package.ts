import fs from 'node:fs';
import path from 'node:path';

export const PLUGIN_KINDS = ['source', 'sink', 'transformation'] as const;
export type PluginKind = (typeof PLUGIN_KINDS)[number];

export interface CreateOptions {
  readonly kind: PluginKind;
  /** Lower case words with hyphens: `order-book`. */
  readonly name: string;
  /** Must not exist, or be empty. */
  readonly folder: string;
  /** The repository that holds the examples. */
  readonly root: string;
  /** Use the packages of this repository instead of published ones: node_modules gets links to them. */
  readonly isLinked: boolean;
}

const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
const GIT_IGNORE = 'node_modules/\ndist/\n*.tsbuildinfo\n';

/**
 * Makes a plugin's package of the example of its kind: sources, a spec that runs the acceptance suite, manifest, README, license. Compiles
 * and passes its tests at once. Throws an Error for a name or a folder that will not do; then nothing was written.
 */
export function createPackage(options: CreateOptions): void {
  const { kind, name, folder, root } = options;
  if (!NAME.test(name)) throw new Error(`"${name}" is no name for a package: lower case words with hyphens, like order-book`);
  if (fs.existsSync(folder) && fs.readdirSync(folder).length > 0) throw new Error(`${folder} is not empty`);
  const example = path.join(root, 'libs/connect-testkit/test/examples', kind);
  for (const file of filesIn(example)) {
    const target = path.join(folder, renamed(file, name, kind));
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.writeFileSync(target, renamed(fs.readFileSync(path.join(example, file), 'utf8'), name, kind));
  }
  fs.copyFileSync(path.join(root, 'LICENSE'), path.join(folder, 'LICENSE'));
  fs.writeFileSync(path.join(folder, '.gitignore'), GIT_IGNORE);
  if (options.isLinked) linkDevelopmentPackages(folder, root);
}

/** `example-source-task.ts` becomes `order-book-source-task.ts`, `ExampleSource` becomes `OrderBookSource`. */
function renamed(text: string, name: string, kind: PluginKind): string {
  const pascal = name.replace(/(^|-)([a-z0-9])/g, (_all, _hyphen, letter: string) => letter.toUpperCase());
  return text
    .replaceAll(`millrace-connector-example-${kind}`, `millrace-connector-${name}`)
    .replaceAll(`example-${kind}`, `${name}-${kind}`)
    .replace(/Example(?=Source|Sink|Transformation)/g, pascal)
    .replace(/'example\.(?=[A-Z])/g, `'${name.replaceAll('-', '_')}.`);
}

function filesIn(folder: string): string[] {
  return fs
    .readdirSync(folder, { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter((it) => it.isFile())
    .map((it) => path.relative(folder, path.join(it.parentPath, it.name)))
    .filter((it) => !/^(node_modules|dist)\//.test(it))
    .sort();
}

/** Links each package that the new one names, and the types that its compiler looks for. */
function linkDevelopmentPackages(folder: string, root: string): void {
  const { devDependencies } = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8')) as { readonly devDependencies: Readonly<Record<string, string>> };
  for (const name of Object.keys(devDependencies)) {
    const link = path.join(folder, 'node_modules', name);
    fs.mkdirSync(path.dirname(link), { recursive: true });
    fs.symlinkSync(fs.realpathSync(path.join(root, 'node_modules', name)), link, 'dir');
  }
  fs.symlinkSync(path.join(root, 'node_modules/.bin'), path.join(folder, 'node_modules/.bin'), 'dir');
}
