import type { Command } from 'commander';
import { formatByFlags, type FormatFlags } from '@millrace/broker';

/** The flags are those of Kafka's kafka-storage. */
export function addFormatCommand(program: Command): void {
  program
    .command('format')
    .description('make the log directories of a node ready for its first start')
    .requiredOption('-c, --config <file>', 'the properties of the node')
    .requiredOption('-t, --cluster-id <id>', 'the cluster that it belongs to')
    .option('-s, --standalone', 'the first voter of a dynamic quorum is this controller')
    .option('-I, --initial-controllers <list>', 'the first voters of a dynamic quorum, as id@host:port:directory-id,...; the same on all nodes')
    .option('-N, --no-initial-controllers', 'the node joins a dynamic quorum that is there already')
    .option('-r, --release-version <release>', 'the release of Kafka whose features the cluster begins with')
    .option('-f, --feature <name=level>', 'the level of one feature; may be given several times', (value: string, before: readonly string[] = []) => [...before, value])
    .option('-g, --ignore-formatted', 'leave directories that are formatted already as they are')
    .action(async (flags: FormatFlags) => {
      for (const line of await formatByFlags(flags)) process.stdout.write(`${line}\n`);
    });
}
