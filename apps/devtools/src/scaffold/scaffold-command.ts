import path from 'node:path';
import { Argument, type Command } from 'commander';
import { repositoryRoot } from '@millrace/testkit';
import { configDocs } from './config-docs.js';
import { createPackage, PLUGIN_KINDS, type PluginKind } from './create-package.js';

export function addScaffoldCommands(program: Command): void {
  program
    .command('create')
    .description('a new plugin that compiles and passes its tests; see docs/writing-a-connector.md')
    .addArgument(new Argument('<kind>').choices(PLUGIN_KINDS))
    .argument('<name>', 'lower case words with hyphens, like order-book')
    .option('--folder <folder>', 'where it is made (default: a folder of the name of the package)')
    .option('--linked', 'use the packages of this repository instead of published ones', false)
    .action((kind: PluginKind, name: string, options: { readonly folder?: string; readonly linked: boolean }) => {
      const folder = path.resolve(options.folder ?? `millrace-connector-${name}`);
      createPackage({ kind, name, folder, root: repositoryRoot(), isLinked: options.linked });
      process.stdout.write(`${folder}\nnext: cd there, npm ${options.linked ? '' : 'install && npm '}run build && npm test; then put the folder on a worker's plugin.path\n`);
    });
  program
    .command('config-docs')
    .description("the tables of settings in the connectors' READMEs, from their definitions")
    .option('--check', 'write nothing, fail where a README differs', false)
    .action((options: { readonly check: boolean }) => {
      const findings = configDocs(repositoryRoot(), options.check);
      for (const it of findings) process.stdout.write(`config-docs: ${it}\n`);
      if (options.check && findings.length > 0) process.exitCode = 1;
    });
}
