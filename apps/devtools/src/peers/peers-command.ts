import type { Command } from 'commander';
import fs from 'node:fs';
import path from 'node:path';
import os from 'node:os';
import { fetchPeers, PEER_TOOLS, peersMissing, PeerProcess, recordQuorum, spawnPeerTool, type PeerTool } from '@millrace/testkit';

/** `peers …`: Apache Kafka, its tools, Connect and Debezium, to compare with. */
export function addPeersCommand(program: Command): void {
  const peers = program.command('peers').enablePositionalOptions().description('fetch and run Apache Kafka, its tools, Kafka Connect and Debezium (needs Java 17 and Maven)');
  peers.command('fetch').action(() => fetchPeers((line) => void process.stdout.write(`${line}\n`)));
  peers.command('tools').action(() => void process.stdout.write(`${PEER_TOOLS.join('\n')}\n`));
  peers
    .command('tool <name> [args...]')
    .description('run one of Apache Kafka\'s command line tools')
    .allowUnknownOption()
    .passThroughOptions()
    .action((name: string, args: string[]) => {
      requirePeers();
      if (!PEER_TOOLS.includes(name as PeerTool)) throw new Error(`no tool "${name}"; known are ${PEER_TOOLS.join(', ')}`);
      spawnPeerTool(name as PeerTool, args, { stdio: 'inherit' }).on('exit', (status) => (process.exitCode = status ?? 1));
    });
  peers
    .command('kafka')
    .description('run an Apache Kafka broker until Ctrl-C')
    .option('--port <port>', 'its port; the controller has the next', '19092')
    .option('--dir <folder>', 'its data', path.join(os.tmpdir(), 'millrace-peers/kafka'))
    .action(async ({ port, dir }: { port: string; dir: string }) => {
      requirePeers();
      await untilSignal(await PeerProcess.kafka({ port: Number(port), folder: path.resolve(dir) }));
    });
  peers
    .command('record-quorum')
    .description('write down what three nodes of Apache Kafka say to each other: elections, a kill, a restart, a reassignment, snapshots')
    .requiredOption('--out <file>', 'the transcript')
    .action(async ({ out }: { out: string }) => {
      requirePeers();
      fs.writeFileSync(out, await recordQuorum((line) => void process.stdout.write(`${line}\n`)));
    });
  peers
    .command('connect')
    .description('run a Kafka Connect worker with Debezium until Ctrl-C')
    .requiredOption('--bootstrap <host:port>', 'the brokers')
    .option('--port <port>', 'of its REST interface', '18083')
    .option('--group <id>', 'its group.id', 'peers-connect')
    .option('--dir <folder>', 'its log', path.join(os.tmpdir(), 'millrace-peers/connect'))
    .action(async ({ bootstrap, port, group, dir }: { bootstrap: string; port: string; group: string; dir: string }) => {
      requirePeers();
      await untilSignal(await PeerProcess.connect({ bootstrap, port: Number(port), group, folder: path.resolve(dir) }));
    });
}

function requirePeers(): void {
  const missing = peersMissing();
  if (missing !== undefined) throw new Error(missing);
}

async function untilSignal(peer: PeerProcess): Promise<void> {
  process.stdout.write(`${peer.address} pid ${peer.pid}, started in ${Math.round(peer.startedInMs)} ms\n`);
  await new Promise((resolve) => process.once('SIGINT', resolve).once('SIGTERM', resolve));
  await peer.stop();
}
