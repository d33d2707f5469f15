import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { DescribeConfigs, DescribeTopicPartitions, Metadata, type DescribeTopicPartitionsResponse } from '@millrace/protocol';
import { PeerToolbox, temporaryFolder, waitFor, type PeerTool } from '@millrace/testkit';
import { batchOf, type RawClient } from './local-broker.js';
import { NODES, withClient, type NodeId, type ToolCluster } from './tool-clusters.js';

const NO_TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAAA';
const TOPIC_RESOURCE = 2;
const ALL_BROKERS = { resourceType: 4, resourceName: '' };

/** One call of a tool and what it answered, without what differs from run to run. */
export interface ToolAnswer {
  readonly call: string;
  readonly answer: string;
}

type Partition = DescribeTopicPartitionsResponse.Partition;

const STACK_OR_LOG = /^\s+at |^Caused by: |^\s+\.\.\. \d+ more|^\d\d:\d\d:\d\d\.\d{3} /;

/**
 * Without what depends on the moment: who leads the quorum and how far it is, ports, the epoch of features. An in-sync set is a set: Kafka keeps it in a hash set, we keep the order in which
 * replicas joined.
 */
function volatile(tool: PeerTool, answer: string): string {
  switch (tool) {
    case 'kafka-metadata-quorum':
      return answer
        .replace(/^(LeaderId|LeaderEpoch|HighWatermark|MaxFollowerLag|MaxFollowerLagTimeMs): +-?\d+$/gm, '$1: <number>')
        .replace(/^\d\s+\t(.*)\t(?:\d+|\d+ ms ago|-?\d+)\s+\t\d+\s+\t\d+(?: ms ago)?\s+\t\d+(?: ms ago)?\s+\t(Leader|Follower|Observer)\s*$/gm, '<node>\t$1\t<end>\t<lag>\t<fetched>\t<caught up>\t$2')
        .replace(/\n(?=<node>)/g, '\u0000')
        .replace(/\0.*/s, (rows) => `\n${rows.split('\0').slice(1).sort().join('\n')}`);
    case 'kafka-cluster':
      return answer.replace(/^(\d +127\.0\.0\.1) \d+ +/gm, '$1 <port> ').replace(/ +$/gm, '');
    case 'kafka-features':
      return answer.replace(/Epoch: \d+/g, 'Epoch: <offset>').replace(/controller \d/g, 'controller <leader>');
    case 'kafka-topics':
      return answer.replace(/Isr: ([\d,]+)/g, (_, isr: string) => `Isr: ${isr.split(',').sort().join()}`);
    default:
      return answer;
  }
}

/** The tools of Apache Kafka, called one after the other on a cluster that goes through what clusters go through. */
export class ToolScenario {
  readonly answers: ToolAnswer[] = [];
  readonly toolbox = PeerToolbox.open();
  private readonly files = temporaryFolder('tool-scenario');

  constructor(private readonly cluster: ToolCluster) {}

  async close(): Promise<void> {
    await this.toolbox.close();
    this.files.remove();
  }

  async topics(): Promise<void> {
    await this.untilBrokers(NODES);
    const topics = (...args: string[]): Promise<void> => this.ask('kafka-topics', ...args);
    await topics('--create', '--topic', 'orders', '--replica-assignment', '1:2:3,2:3:1,3:1:2', '--config', 'min.insync.replicas=2', '--config', 'retention.ms=12345678');
    await topics('--create', '--topic', 'moving', '--replica-assignment', '1:2');
    await topics('--create', '--topic', 'pair', '--replica-assignment', '4:3', '--config', 'min.insync.replicas=2');
    await topics('--create', '--topic', 'orders', '--partitions', '1');
    await topics('--create', '--topic', 'wide', '--partitions', '3', '--replication-factor', '9');
    await topics('--alter', '--topic', 'pair', '--partitions', '2', '--replica-assignment', '4:3,3:4');
    await topics('--alter', '--topic', 'pair', '--partitions', '1');
    await topics('--list');
    for (const topic of ['orders', 'moving', 'pair']) await this.untilAll(topic, (it) => it.isrNodes.length === it.replicaNodes.length);
    await topics('--describe');
    await topics('--describe', '--topics-with-overrides');
    await topics('--describe', '--topic', 'absent');
  }

  async quorum(): Promise<void> {
    await this.ask('kafka-metadata-quorum', 'describe', '--status');
    await this.ask('kafka-metadata-quorum', 'describe', '--replication');
    await this.ask('kafka-metadata-quorum', 'describe', '--replication', '--human-readable');
    const controllers = [1, 2, 3].map((id) => `127.0.0.1:${this.cluster.controllerPortOf(id as NodeId)}`).join(',');
    await this.run('kafka-metadata-quorum', '--bootstrap-controller', controllers, 'describe', '--status');
  }

  async clusterAndVersions(): Promise<void> {
    await this.run('kafka-cluster', 'cluster-id', '--bootstrap-server', this.bootstrap);
    await this.run('kafka-cluster', 'list-endpoints', '--bootstrap-server', this.bootstrap);
    await this.run('kafka-cluster', 'list-endpoints', '--bootstrap-server', this.bootstrap, '--include-fenced-brokers');
    await this.run('kafka-cluster', 'list-endpoints', '--bootstrap-controller', `127.0.0.1:${this.cluster.controllerPortOf(1)}`);
    await this.ask('kafka-broker-api-versions');
  }

  async features(): Promise<void> {
    const elr = 'eligible.leader.replicas.version';
    const features = (...args: string[]): Promise<void> => this.ask('kafka-features', ...args);
    await features('describe');
    await features('downgrade', '--feature', `${elr}=0`, '--dry-run');
    await features('downgrade', '--feature', `${elr}=0`);
    await features('describe');
    await features('upgrade', '--feature', `${elr}=1`, '--dry-run');
    await features('upgrade', '--feature', `${elr}=1`);
    await features('upgrade', '--feature', `${elr}=2`, '--dry-run');
    await features('upgrade', '--feature', `${elr}=0`, '--dry-run');
    await features('downgrade', '--feature', `${elr}=1`, '--dry-run');
    await features('upgrade', '--feature', 'absent.version=1', '--dry-run');
    await features('upgrade', '--metadata', '4.0-IV3', '--dry-run');
    await features('downgrade', '--metadata', '3.2-IV0', '--dry-run');
    await features('disable', '--feature', elr, '--unsafe', '--dry-run');
  }

  async configs(): Promise<void> {
    const configs = (...args: string[]): Promise<void> => this.ask('kafka-configs', ...args);
    const broker = ['--entity-type', 'brokers', '--entity-name', '1'];
    const all = ['--entity-type', 'brokers', '--entity-default'];
    const topic = ['--entity-type', 'topics', '--entity-name', 'orders'];
    await configs(...broker, '--alter', '--add-config', 'leader.replication.throttled.rate=5000,follower.replication.throttled.rate=6000');
    await configs(...all, '--alter', '--add-config', 'log.retention.ms=7654321,min.insync.replicas=1');
    await this.untilSet(ALL_BROKERS, 'log.retention.ms', '7654321');
    await configs(...broker, '--describe');
    await configs(...all, '--describe');
    await configs(...broker, '--alter', '--add-config', 'node.id=7');
    await configs(...broker, '--alter', '--add-config', 'leader.replication.throttled.rate=fast');
    await configs(...broker, '--alter', '--delete-config', 'leader.replication.throttled.rate,follower.replication.throttled.rate');
    await configs(...broker, '--describe');
    await configs(...all, '--alter', '--delete-config', 'log.retention.ms');
    await this.untilSet(ALL_BROKERS, 'log.retention.ms', undefined);
    await configs(...all, '--describe');
    await configs(...topic, '--alter', '--add-config', 'leader.replication.throttled.replicas=[0:1,1:2],cleanup.policy=[compact,delete]');
    await this.untilSet({ resourceType: TOPIC_RESOURCE, resourceName: 'orders' }, 'cleanup.policy', 'compact,delete');
    await configs(...topic, '--describe');
    await configs(...topic, '--alter', '--delete-config', 'leader.replication.throttled.replicas,cleanup.policy');
    await this.untilSet({ resourceType: TOPIC_RESOURCE, resourceName: 'orders' }, 'cleanup.policy', 'delete');
    await configs(...topic, '--describe', '--all');
    await configs(...topic, '--alter', '--add-config', 'retention.ms=-5');
    await configs(...topic, '--alter', '--add-config', 'absent=1');
    await configs('--entity-type', 'topics', '--entity-name', 'absent', '--alter', '--add-config', 'retention.ms=5');
  }

  async logDirs(): Promise<void> {
    await this.produce('orders', 1, 'some records');
    await this.untilAll('orders', (it) => it.isrNodes.length === 3);
    await this.ask('kafka-log-dirs', '--describe', '--topic-list', 'orders', '--broker-list', '1,4');
    await this.ask('kafka-log-dirs', '--describe', '--broker-list', '1,17');
  }

  async preferredLeaders(): Promise<void> {
    const elect = (...args: string[]): Promise<void> => this.ask('kafka-leader-election', '--election-type', 'preferred', ...args);
    await elect('--topic', 'orders', '--partition', '1');
    await this.cluster.stop(2);
    await this.untilAll('orders', (it) => !it.isrNodes.includes(2));
    await this.ask('kafka-topics', '--describe', '--topic', 'orders');
    await this.ask('kafka-topics', '--describe', '--under-replicated-partitions');
    await this.ask('kafka-topics', '--describe', '--at-min-isr-partitions');
    await elect('--topic', 'orders', '--partition', '1');
    await this.cluster.start(2);
    await this.untilAll('orders', (it) => it.isrNodes.includes(2));
    await this.untilAll('moving', (it) => it.isrNodes.includes(2));
    const file = this.file('partitions.json', { partitions: [{ topic: 'orders', partition: 0 }, { topic: 'orders', partition: 1 }] });
    await elect('--path-to-json-file', file);
    await elect('--topic', 'absent', '--partition', '0');
    await this.ask('kafka-topics', '--describe', '--topic', 'orders');
  }

  async reassignments(): Promise<void> {
    const reassign = (...args: string[]): Promise<void> => this.ask('kafka-reassign-partitions', ...args);
    for (let i = 0; i < 8; i++) await this.produce('moving', 0, 'x'.repeat(700_000));
    await reassign('--generate', '--topics-to-move-json-file', this.file('topics.json', { topics: [{ topic: 'moving' }], version: 1 }), '--broker-list', '3,4');
    const away = this.file('away.json', { version: 1, partitions: [{ topic: 'moving', partition: 0, replicas: [4, 3] }] });
    await reassign('--list');
    await reassign('--execute', '--reassignment-json-file', away, '--throttle', '1000');
    await reassign('--list');
    await reassign('--verify', '--reassignment-json-file', away);
    await this.ask('kafka-topics', '--describe', '--topic', 'moving');
    await this.ask('kafka-configs', '--describe', '--entity-type', 'brokers');
    await this.ask('kafka-configs', '--describe', '--entity-type', 'topics', '--entity-name', 'moving');
    await reassign('--execute', '--reassignment-json-file', away, '--throttle', '2000');
    await reassign('--execute', '--reassignment-json-file', away, '--throttle', '2000', '--additional');
    await reassign('--cancel', '--reassignment-json-file', away);
    await this.untilAll('moving', (it) => it.replicaNodes.join() === '1,2');
    await reassign('--verify', '--reassignment-json-file', away);
    await this.ask('kafka-topics', '--describe', '--topic', 'moving');
    await this.ask('kafka-configs', '--describe', '--entity-type', 'brokers');
    await reassign('--execute', '--reassignment-json-file', this.file('unknown.json', { version: 1, partitions: [{ topic: 'moving', partition: 0, replicas: [17, 3] }] }));
    await reassign('--execute', '--reassignment-json-file', away);
    await this.untilAll('moving', (it) => it.replicaNodes.join() === '4,3' && it.leaderId === 4);
    await reassign('--verify', '--reassignment-json-file', away);
    await this.ask('kafka-topics', '--describe', '--topic', 'moving');
  }

  /** A pair of replicas of which the one that lacks records comes back first. */
  async uncleanLeaders(): Promise<void> {
    const elect = (type: string, ...args: string[]): Promise<void> => this.ask('kafka-leader-election', '--election-type', type, ...args);
    await this.cluster.kill(3);
    await this.untilAll('pair', (it) => it.isrNodes.join() === '4');
    await this.ask('kafka-topics', '--describe', '--topic', 'pair');
    await this.ask('kafka-topics', '--describe', '--under-min-isr-partitions');
    await this.ask('kafka-configs', '--entity-type', 'topics', '--entity-name', 'pair', '--alter', '--add-config', 'min.insync.replicas=1');
    await this.ask('kafka-topics', '--describe', '--topic', 'pair');
    await this.produce('pair', 0, 'only on one');
    await this.cluster.kill(4);
    await this.untilAll('pair', (it) => it.leaderId < 0);
    await this.ask('kafka-topics', '--describe', '--topic', 'pair');
    await this.ask('kafka-topics', '--describe', '--unavailable-partitions');
    await elect('unclean', '--topic', 'pair', '--partition', '0');
    await this.cluster.start(3);
    await this.untilBrokers([1, 2, 3]);
    await elect('preferred', '--topic', 'pair', '--partition', '0');
    await elect('unclean', '--all-topic-partitions');
    await this.untilAll('pair', (it) => it.leaderId === 3);
    await this.ask('kafka-topics', '--describe', '--topic', 'pair');
    await this.run('kafka-cluster', 'list-endpoints', '--bootstrap-server', this.bootstrap, '--include-fenced-brokers');
    await this.run('kafka-cluster', 'unregister', '--bootstrap-server', this.bootstrap, '--id', '4');
    await this.run('kafka-cluster', 'unregister', '--bootstrap-server', this.bootstrap, '--id', '4');
    await this.run('kafka-cluster', 'list-endpoints', '--bootstrap-server', this.bootstrap, '--include-fenced-brokers');
  }

  private get bootstrap(): string {
    return `127.0.0.1:${this.cluster.portOf(1)}`;
  }

  private ask(tool: PeerTool, ...args: string[]): Promise<void> {
    return this.run(tool, '--bootstrap-server', this.bootstrap, ...args);
  }

  private async run(tool: PeerTool, ...args: string[]): Promise<void> {
    const { status, stdout, stderr } = await this.toolbox.run(tool, args);
    const texts = [stdout, stderr.split('\n').filter((it) => !STACK_OR_LOG.test(it)).join('\n')].map((it) => it.trimEnd()).filter((it) => it !== '');
    const call = [tool, ...args.filter((it) => it !== '--bootstrap-server' && it !== this.bootstrap)].join(' ');
    const answer = `${texts.join('\n')}${status === 0 ? '' : `\nstatus ${status}`}`;
    this.answers.push({ call: this.mask(call), answer: volatile(tool, this.mask(answer)) });
  }

  private mask(text: string): string {
    let masked = text;
    for (const id of NODES) {
      masked = masked.replaceAll(this.cluster.folderOf(id), `<logs of ${id}>`).replaceAll(`127.0.0.1:${this.cluster.portOf(id)}`, `<broker ${id}>`).replaceAll(`127.0.0.1:${this.cluster.controllerPortOf(id)}`, `<controller ${id}>`);
    }
    return masked
      .replaceAll(this.files.path, '<files>')
      .replace(/\b[\w-]{22}\b(?![.(])/g, (it) => (/[A-Z]/.test(it) && /[a-z]/.test(it) ? '<id>' : it));
  }

  private file(name: string, content: unknown): string {
    const file = path.join(this.files.path, name);
    writeFileSync(file, JSON.stringify(content));
    return file;
  }

  private async produce(topic: string, partition: number, value: string): Promise<void> {
    const [described] = (await this.partitionsOf(topic)).filter((it) => it.partitionIndex === partition);
    const answer = await withClient(this.cluster, described?.leaderId as NodeId, (client) => client.produce(topic, batchOf([{ value }]), { partition, acks: -1 }));
    if (answer.errorCode !== 0) throw new Error(`${topic}-${partition} answered ${answer.errorCode}`);
  }

  private async partitionsOf(topic: string): Promise<Partition[]> {
    const ask = (client: RawClient) => client.ask(DescribeTopicPartitions, 0, { topics: [{ name: topic }], responsePartitionLimit: 100, cursor: null });
    return (await withClient(this.cluster, 1, ask)).topics[0]?.partitions ?? [];
  }

  private async untilAll(topic: string, isSo: (partition: Partition) => boolean): Promise<void> {
    await waitFor(`all partitions of ${topic} are as they should: ${isSo.toString()}`, 60_000, async () => {
      const partitions = await this.partitionsOf(topic);
      return partitions.length > 0 && partitions.every(isSo);
    });
  }

  /** On every broker: a tool asks any of them. */
  private async untilSet(resource: { readonly resourceType: number; readonly resourceName: string }, name: string, value: string | undefined): Promise<void> {
    const ask = (client: RawClient) => client.ask(DescribeConfigs, 4, { resources: [{ ...resource, configurationKeys: [name] }] });
    for (const id of NODES) {
      await waitFor(`${name} of "${resource.resourceName}" is ${value} at ${id}`, 60_000, async () => (await withClient(this.cluster, id, ask)).results[0]?.configs.find((it) => it.name === name)?.value === value);
    }
  }

  private async untilBrokers(ids: readonly NodeId[]): Promise<void> {
    const ask = (client: RawClient) => client.ask(Metadata, 12, { topics: [{ name: 'absent', topicId: NO_TOPIC_ID }], allowAutoTopicCreation: false });
    await waitFor(`${ids.join()} are brokers`, 60_000, async () => (await withClient(this.cluster, 1, ask)).brokers.map((it) => it.nodeId).sort().join() === ids.join());
  }
}
