import { Command } from 'commander';
import { repositoryRoot } from '@millrace/testkit';
import { addBenchCommand } from './bench/bench-command.js';
import { check } from './check.js';
import { addImagesCommand } from './images/images-command.js';
import { addPeersCommand } from './peers/peers-command.js';
import { addScaffoldCommands } from './scaffold/scaffold-command.js';
import { addSimCommand } from './sim/sim-command.js';
import { addSoakCommand } from './soak/soak-command.js';

const program = new Command('devtools').enablePositionalOptions().description("The project's own tools; see docs/testing.md.");
program
  .command('check')
  .description('derived and generated files, arrows, what nothing uses, lint, tidiness')
  .action(async () => {
    if (!(await check(repositoryRoot()))) process.exitCode = 1;
  });
addImagesCommand(program);
addPeersCommand(program);
addBenchCommand(program);
addSoakCommand(program);
addSimCommand(program);
addScaffoldCommands(program);
program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
