import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { temporaryFolder } from '../disk/temporary-folder.js';
import { waitFor } from '../flow/flow.js';
import { freePort } from '../processes/free-port.js';
import { PeerProcess } from './peer-process.js';
import { runPeerTool, type PeerTool } from './peer-tools.js';
import { PeerToolbox } from './peer-toolbox.js';
import { RecordingRelay } from './recording-relay.js';

const WITHIN_MS = 300_000;
/** Segments roll with the first record after a second. */
const BETWEEN_ALTERATIONS_MS = 3000;
const HEAP = ['-Xms128m', '-Xmx224m'];
/** Fetchers, heartbeats, the quorum, and tools that talk to controllers; not the clients of brokers. */
const AMONG_NODES = /^(raft-client-\d|broker-\d|node-\d|\d$)/;
const CLUSTER_ID = 'kraftPeersAAAAAAAAAAAQ';

interface Node {
  readonly id: number;
  readonly folder: string;
  readonly ports: { readonly broker: number; readonly controller: number };
  readonly doors: { readonly broker: number; readonly controller: number };
  readonly directoryId: string;
}

/** Three nodes of Apache Kafka with dynamic voters whose connections among each other go through doors that write down what is said. */
class RecordedCluster {
  readonly relay = new RecordingRelay(AMONG_NODES);
  readonly nodes: Node[] = [];
  private readonly processes = new Map<number, PeerProcess>();
  private readonly folder = temporaryFolder('recorded-quorum');
  private readonly toolbox = PeerToolbox.open();

  async start(): Promise<void> {
    for (const id of [1, 2, 3]) {
      const [broker, controller] = await Promise.all([freePort(), freePort()]);
      const doors = { broker: await freePort(), controller: await freePort() };
      await this.relay.open(doors.broker, `${id} broker`, broker);
      await this.relay.open(doors.controller, `${id} controller`, controller);
      this.nodes.push({ id, folder: path.join(this.folder.path, String(id)), ports: { broker, controller }, doors, directoryId: directoryId() });
    }
    const initial = this.nodes.map((it) => `${it.id}@127.0.0.1:${it.doors.controller}:${it.directoryId}`).join(',');
    for (const it of this.nodes) {
      const { status, stderr } = await runPeerTool('kafka-storage', ['format', '-t', CLUSTER_ID, '-c', this.propertiesFile(it), '--initial-controllers', initial, '--release-version', '4.0', '--feature', 'eligible.leader.replicas.version=1', '--feature', 'kraft.version=1'], { timeoutMs: WITHIN_MS });
      if (status !== 0) throw new Error(stderr);
    }
    await Promise.all(this.nodes.map((it) => this.startNode(it.id)));
  }

  async startNode(id: number): Promise<void> {
    const node = this.node(id);
    this.processes.set(id, await PeerProcess.kafka({ folder: node.folder, port: node.ports.broker, settings: this.settingsOf(node), heap: HEAP }));
  }

  async end(id: number, how: 'stop' | 'kill'): Promise<void> {
    await this.processes.get(id)?.[how]();
    this.processes.delete(id);
  }

  async close(): Promise<void> {
    await Promise.all([...this.processes.keys()].map((id) => this.end(id, 'kill')));
    await this.toolbox.close();
    await this.relay.close();
    this.folder.remove();
  }

  node(id: number): Node {
    const node = this.nodes.find((it) => it.id === id);
    if (node === undefined) throw new Error(`no node ${id}`);
    return node;
  }

  async ask(tool: PeerTool, ...args: string[]): Promise<string> {
    const { stdout, stderr } = await this.toolbox.run(tool, ['--bootstrap-server', this.bootstrap, ...args], WITHIN_MS);
    return `${stdout}${stderr}`;
  }

  async produce(topic: string, records: number): Promise<void> {
    await this.toolbox.run('kafka-producer-perf-test', ['--topic', topic, '--num-records', String(records), '--record-size', '50', '--throughput', '-1', '--producer-props', `bootstrap.servers=${this.bootstrap}`, 'acks=all', 'delivery.timeout.ms=120000'], WITHIN_MS);
  }

  async activeController(): Promise<number> {
    let leader = -1;
    await waitFor('there is an active controller', WITHIN_MS, async () => {
      leader = Number(/LeaderId: +(-?\d+)/.exec(await this.ask('kafka-metadata-quorum', 'describe', '--status'))?.[1] ?? -1);
      return this.processes.has(leader);
    });
    return leader;
  }

  async untilDescribed(what: string, topic: string, isSo: (partitions: readonly string[]) => boolean): Promise<void> {
    await waitFor(what, WITHIN_MS, async () => {
      const lines = (await this.ask('kafka-topics', '--describe', '--topic', topic)).split('\n').filter((it) => it.startsWith('\tTopic:'));
      return lines.length > 0 && isSo(lines);
    });
  }

  async untilInSync(topic: string, replicas: number): Promise<void> {
    await this.untilDescribed(`${replicas} replicas of ${topic} are in sync`, topic, (lines) => lines.every((it) => /Isr: ([\d,]*)/.exec(it)?.[1]?.split(',').length === replicas));
  }

  file(name: string, content: unknown): string {
    const file = path.join(this.folder.path, name);
    fs.writeFileSync(file, JSON.stringify(content));
    return file;
  }

  propertiesFile(node: Node): string {
    fs.mkdirSync(node.folder, { recursive: true });
    const file = path.join(node.folder, 'format.properties');
    fs.writeFileSync(file, Object.entries(this.settingsOf(node)).filter(([key]) => key !== 'controller.quorum.voters').map(([key, value]) => `${key}=${value}\n`).join(''));
    return file;
  }

  get controllers(): string {
    return this.nodes.map((it) => `127.0.0.1:${it.doors.controller}`).join(',');
  }

  private get bootstrap(): string {
    return this.nodes.map((it) => `127.0.0.1:${it.doors.broker}`).join(',');
  }

  private settingsOf(node: Node): Record<string, string> {
    return {
      'process.roles': 'broker,controller',
      'node.id': String(node.id),
      'controller.quorum.voters': '',
      'controller.quorum.bootstrap.servers': this.nodes.length === 3 ? this.controllers : '',
      listeners: `PLAINTEXT://127.0.0.1:${node.ports.broker},CONTROLLER://127.0.0.1:${node.ports.controller}`,
      'advertised.listeners': `PLAINTEXT://127.0.0.1:${node.doors.broker},CONTROLLER://127.0.0.1:${node.doors.controller}`,
      'controller.listener.names': 'CONTROLLER',
      'inter.broker.listener.name': 'PLAINTEXT',
      'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
      'log.dirs': path.join(node.folder, 'data'),
      'auto.leader.rebalance.enable': 'false',
      'broker.session.timeout.ms': '6000',
      'controller.quorum.election.timeout.ms': '3000',
      'controller.quorum.fetch.timeout.ms': '6000',
      'metadata.max.idle.interval.ms': '0',
      // Snapshots soon, and a log that begins behind the first ones.
      'metadata.log.max.record.bytes.between.snapshots': '2500',
      'metadata.log.segment.ms': '1000',
      'metadata.max.retention.ms': '1000',
    };
  }
}

/**
 * What three nodes of Apache Kafka 4.3.1 say to each other in elections, a kill, a restart, a reassignment, with snapshots: a line for each exchange, `asked answered client to request answer`
 * (milliseconds since the first; base64), in the order of the requests. Polls that bring nothing new are left out.
 */
export async function recordQuorum(say: (line: string) => void): Promise<string> {
  const cluster = new RecordedCluster();
  try {
    await cluster.start();
    say('three nodes are up');
    await topicsAndRecords(cluster);
    say('topics, records, settings');
    await killTheController(cluster);
    say('the active controller was killed and came back');
    await moveReplicas(cluster);
    say('replicas moved');
    await stopTheController(cluster);
    say('the active controller stopped in order and came back with an empty log');
    await changeVoters(cluster);
    say('voters changed');
    const { exchanges } = cluster.relay;
    const begin = Math.min(...exchanges.map((it) => it.askedAtMs));
    return [...exchanges]
      .sort((a, b) => a.askedAtMs - b.askedAtMs)
      .map((it) => `${it.askedAtMs - begin} ${it.answeredAtMs - begin} ${it.clientId} ${it.to} ${it.request.toString('base64')} ${it.answer.toString('base64')}\n`)
      .join('');
  } finally {
    await cluster.close();
  }
}

async function topicsAndRecords(cluster: RecordedCluster): Promise<void> {
  await cluster.ask('kafka-topics', '--create', '--topic', 'orders', '--replica-assignment', '1:2:3,2:3:1,3:1:2', '--config', 'min.insync.replicas=2');
  await cluster.ask('kafka-topics', '--create', '--topic', 'brief', '--partitions', '2', '--replication-factor', '3');
  await cluster.ask('kafka-topics', '--alter', '--topic', 'brief', '--partitions', '3');
  await cluster.ask('kafka-configs', '--entity-type', 'topics', '--entity-name', 'orders', '--alter', '--add-config', 'retention.ms=1234567');
  await cluster.produce('orders', 20);
  await cluster.ask('kafka-topics', '--delete', '--topic', 'brief');
}

async function killTheController(cluster: RecordedCluster): Promise<void> {
  const killed = await cluster.activeController();
  await cluster.end(killed, 'kill');
  await cluster.activeController();
  await cluster.untilInSync('orders', 2);
  await cluster.produce('orders', 20);
  await cluster.startNode(killed);
  await cluster.untilInSync('orders', 3);
  await cluster.ask('kafka-leader-election', '--election-type', 'preferred', '--all-topic-partitions');
}

async function moveReplicas(cluster: RecordedCluster): Promise<void> {
  await cluster.ask('kafka-topics', '--create', '--topic', 'moving', '--replica-assignment', '1:2');
  await cluster.produce('moving', 20);
  const to = cluster.file('moving.json', { version: 1, partitions: [{ topic: 'moving', partition: 0, replicas: [3, 2] }] });
  await cluster.ask('kafka-reassign-partitions', '--execute', '--reassignment-json-file', to, '--throttle', '100000');
  await cluster.untilDescribed('moving has moved', 'moving', (lines) => lines.every((it) => it.includes('Leader: 3') && it.includes('Replicas: 3,2\t')));
  await cluster.ask('kafka-reassign-partitions', '--verify', '--reassignment-json-file', to);
}

/** Its metadata log is gone when it comes back: what the others have begins with a snapshot. */
async function stopTheController(cluster: RecordedCluster): Promise<void> {
  const stopped = await cluster.activeController();
  await cluster.end(stopped, 'stop');
  await cluster.activeController();
  for (let i = 0; i < 12; i++) await cluster.ask('kafka-configs', '--entity-type', 'topics', '--entity-name', 'orders', '--alter', '--add-config', `retention.ms=${2_000_000 + i},segment.ms=${3_000_000 + i},delete.retention.ms=${4_000_000 + i}`);
  const log = (id: number): string => path.join(cluster.node(id).folder, 'data/__cluster_metadata-0');
  let alteredAtMs = 0;
  await waitFor('the logs begin with a snapshot', WITHIN_MS, async () => {
    if (Date.now() - alteredAtMs > BETWEEN_ALTERATIONS_MS) await cluster.ask('kafka-configs', '--entity-type', 'topics', '--entity-name', 'orders', '--alter', '--add-config', `retention.ms=${(alteredAtMs = Date.now())}`);
    return cluster.nodes.filter((it) => it.id !== stopped).every((it) => !fs.existsSync(path.join(log(it.id), '00000000000000000000.log')));
  });
  fs.rmSync(log(stopped), { recursive: true });
  await cluster.startNode(stopped);
  await cluster.untilInSync('orders', 3);
}

async function changeVoters(cluster: RecordedCluster): Promise<void> {
  const active = await cluster.activeController();
  const moved = cluster.nodes.find((it) => it.id !== active)?.id ?? 1;
  await cluster.ask('kafka-metadata-quorum', 'remove-controller', '--controller-id', String(moved), '--controller-directory-id', cluster.node(moved).directoryId);
  await cluster.ask('kafka-metadata-quorum', '--command-config', cluster.propertiesFile(cluster.node(moved)), 'add-controller');
  await cluster.activeController();
}

/** As Kafka makes them up: base64 of 16 bytes, not beginning like an option. */
function directoryId(): string {
  for (;;) {
    const id = randomBytes(16).toString('base64url');
    if (!id.startsWith('-')) return id;
  }
}
