import { Command } from 'commander';
import { exitWithReason } from '@millrace/hosting';
import { addDevCommand } from './dev/dev-command.js';
import { addFormatCommand } from './format-command.js';

const program = new Command('millrace').description('A Kafka-compatible log and a Kafka-Connect-compatible connector platform.').version('0.1.0');
addDevCommand(program);
addFormatCommand(program);
program.parseAsync().catch(exitWithReason);
