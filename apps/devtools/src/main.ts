import { Command } from 'commander';
import { repositoryRoot } from '@millrace/testkit';
import { check } from './check.js';
import { addPeersCommand } from './peers/peers-command.js';

const program = new Command('devtools').description("The project's own tools; see docs/testing.md.");
program
  .command('check')
  .description('derived and generated files, arrows, lint, tidiness')
  .action(() => {
    if (!check(repositoryRoot())) process.exitCode = 1;
  });
addPeersCommand(program);
program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
