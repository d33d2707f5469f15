import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { peersMissing, PeerToolbox, temporaryFolder, waitFor, type PeerTool } from '@millrace/testkit';
import { batchOf, LocalBroker, RawClient, valuesIn } from './local-broker.js';
import { QuorumCluster } from './quorum-cluster.js';

const missing = peersMissing();
if (missing !== undefined) console.warn(`Apache Kafka's tools are not run: ${missing}`);

interface LogDirs {
  readonly brokers: readonly { readonly broker: number; readonly logDirs: readonly { readonly logDir: string; readonly error: string | null; readonly partitions: readonly { readonly partition: string; readonly size: number; readonly offsetLag: number; readonly isFuture: boolean }[] }[] }[];
}

(missing === undefined ? describe : describe.skip)("moves between log directories by Apache Kafka's tools", () => {
  const toolbox = PeerToolbox.open();
  const scratch = temporaryFolder('moves-tools');
  const closing: (() => Promise<void> | void)[] = [];
  afterAll(async () => {
    for (const close of closing.reverse()) await close();
    await toolbox.close();
    scratch.remove();
  }, 60_000);

  async function ask(address: string, tool: PeerTool, ...args: string[]): Promise<string> {
    const { status, stdout, stderr } = await toolbox.run(tool, ['--bootstrap-server', address, ...args]);
    if (status !== 0) throw new Error(`${tool} ended with ${status}: ${stdout}${stderr}`);
    return stdout;
  }

  function plan(partitions: readonly { readonly topic: string; readonly partition: number; readonly replicas: readonly number[]; readonly log_dirs: readonly string[] }[]): string {
    const file = path.join(scratch.path, `plan-${Math.random()}.json`);
    writeFileSync(file, JSON.stringify({ version: 1, partitions }));
    return file;
  }

  async function described(address: string, topic: string): Promise<string[]> {
    const text = await ask(address, 'kafka-log-dirs', '--describe', '--topic-list', topic);
    const { brokers } = JSON.parse(text.slice(text.indexOf('{'))) as LogDirs;
    return brokers.flatMap(({ broker, logDirs }) => logDirs.flatMap((it) => it.partitions.map((p) => `${broker} ${path.basename(it.logDir)} ${p.partition}${p.isFuture ? ' future' : ''} lag ${p.offsetLag}`))).sort();
  }

  it('on one node', async () => {
    const folder = path.join(scratch.path, 'one');
    const dirs = ['a', 'b'].map((it) => path.join(folder, it));
    const broker = await LocalBroker.start({ 'log.dirs': dirs.join() });
    closing.push(() => broker.stop());
    const client = await RawClient.connect(broker.port);
    closing.push(() => client.close());
    await client.createTopic('t', { partitions: 2, configs: { 'segment.bytes': '1048576' } });
    for (let i = 0; i < 40; i++) for (const partition of [0, 1]) await client.produce('t', batchOf([{ key: `k${i}`, value: `${i} ${'x'.repeat(50_000)}` }]), { partition });
    const [first = ''] = await described(broker.address, 't');
    const here = first.split(' ')[1] === 'a' ? 0 : 1;
    const [source = '', target = ''] = here === 0 ? dirs : [...dirs].reverse();
    const move = plan([{ topic: 't', partition: 0, replicas: [1], log_dirs: [target] }]);
    // At a rate that leaves time to look on; the tool sets it on the broker, and --verify takes it away.
    expect(await ask(broker.address, 'kafka-reassign-partitions', '--reassignment-json-file', move, '--execute', '--replica-alter-log-dirs-throttle', '400000')).toContain(`Successfully started moving log directory to ${target} for replica t-0 with broker 1`);
    expect(await described(broker.address, 't')).toContainEqual(expect.stringMatching(new RegExp(`^1 ${path.basename(target)} t-0 future lag \\d+$`)));
    expect(await ask(broker.address, 'kafka-reassign-partitions', '--reassignment-json-file', move, '--verify')).toMatch(/Reassignment of replica t-0-1 is still in progress/);
    // --cancel of the tool calls off reassignments alone, as on Kafka; another --execute, back to where it is, calls the move off.
    const back = plan([{ topic: 't', partition: 0, replicas: [1], log_dirs: [source] }]);
    await ask(broker.address, 'kafka-reassign-partitions', '--reassignment-json-file', back, '--execute', '--additional');
    expect((await described(broker.address, 't')).filter((it) => it.includes('t-0'))).toEqual([`1 ${path.basename(source)} t-0 lag 0`]);
    await ask(broker.address, 'kafka-reassign-partitions', '--reassignment-json-file', move, '--execute', '--additional', '--replica-alter-log-dirs-throttle', '100000000');
    let verified = '';
    await waitFor('the tool says that it is there', 30_000, async () => {
      verified = await ask(broker.address, 'kafka-reassign-partitions', '--reassignment-json-file', move, '--verify');
      return verified.includes('Reassignment of replica t-0-1 completed successfully');
    });
    expect((await described(broker.address, 't')).filter((it) => it.includes('t-0'))).toEqual([`1 ${path.basename(target)} t-0 lag 0`]);
    expect(await ask(broker.address, 'kafka-configs', '--entity-type', 'brokers', '--entity-name', '1', '--describe')).not.toContain('replica.alter.log.dirs.io.max.bytes.per.second');
    expect(await ask(broker.address, 'kafka-broker-api-versions')).toContain('AlterReplicaLogDirs(34): 1 to 2 [usable: 2]');

    const files = readdirSync(path.join(target, 't-0')).filter((it) => it.endsWith('.log')).sort();
    expect(files.length).toBeGreaterThan(1);
    const dump = (await toolbox.run('kafka-dump-log', ['--print-data-log', '--files', files.map((it) => path.join(target, 't-0', it)).join()])).stdout;
    expect([...dump.matchAll(/payload: (\d+) x/g)].map((it) => Number(it[1]))).toEqual(Array.from({ length: 40 }, (_, i) => i));
    for (const it of files.slice(0, -1)) expect((await toolbox.run('kafka-dump-log', ['--index-sanity-check', '--files', path.join(target, 't-0', it.replace('.log', '.index'))])).stdout).toContain('passed sanity check');
  }, 180_000);

  it('in a cluster of three, between and within brokers at once', async () => {
    const roles = { 1: 'broker,controller', 2: 'broker,controller', 3: 'broker,controller' } as const;
    const cluster = await QuorumCluster.prepare(roles, { 'broker.session.timeout.ms': '6000' });
    closing.push(() => cluster.stop());
    const dirsOf = (id: number): string[] => ['a', 'b'].map((it) => path.join(cluster.folderOf(id), it));
    await Promise.all([1, 2, 3].map((id) => cluster.startNode(id, { 'log.dirs': dirsOf(id).join() })));
    const address = `127.0.0.1:${cluster.portOf(1)}`;
    await ask(address, 'kafka-topics', '--create', '--topic', 't', '--replica-assignment', '1:2');
    const client = await cluster.client(1);
    const expected: string[] = [];
    let isDone = false;
    const producing = (async () => {
      while (!isDone) {
        const value = `v${expected.length}`;
        const { errorCode } = await client.produce('t', batchOf([{ value }]));
        expect(errorCode).toBe(0);
        expected.push(value);
      }
    })();
    const places = await described(address, 't');
    expect(places).toHaveLength(2);
    // The replica on 1 goes to its other directory, that on 2 to broker 3, into the second directory there.
    const other = dirsOf(1)[places[0]?.startsWith('1 a ') === true ? 1 : 0] ?? '';
    const move = plan([{ topic: 't', partition: 0, replicas: [1, 3], log_dirs: [other, dirsOf(3)[1] ?? ''] }]);
    const started = await ask(address, 'kafka-reassign-partitions', '--reassignment-json-file', move, '--execute');
    expect(started).toContain(`Successfully started moving log directory to ${other} for replica t-0 with broker 1`);
    expect(started).toContain(`Successfully started moving log directory to ${dirsOf(3)[1] ?? ''} for replica t-0 with broker 3`);
    await waitFor('the tool says that all is there', 60_000, async () => {
      const verified = await ask(address, 'kafka-reassign-partitions', '--reassignment-json-file', move, '--verify');
      return verified.includes('Reassignment of partition t-0 is completed') && [1, 3].every((it) => verified.includes(`Reassignment of replica t-0-${it} completed successfully`));
    });
    isDone = true;
    await producing;
    expect(await described(address, 't')).toEqual([`1 ${path.basename(other)} t-0 lag 0`, '3 b t-0 lag 0']);
    // --cancel calls off what is moved between brokers; there is nothing left of that.
    expect(await ask(address, 'kafka-reassign-partitions', '--reassignment-json-file', move, '--cancel')).toContain('None of the specified partition reassignments are active.');
    const seen: string[] = [];
    while (seen.length < expected.length) seen.push(...(valuesIn((await client.fetch('t', seen.length)).records) as string[]));
    expect(seen).toEqual(expected);
    const dump = async (id: number, folder: string): Promise<string[]> => {
      const file = path.join(dirsOf(id)[folder === 'a' ? 0 : 1] ?? '', 't-0', '00000000000000000000.log');
      return [...(await toolbox.run('kafka-dump-log', ['--print-data-log', '--files', file])).stdout.matchAll(/payload: (v\d+)/g)].map((it) => it[1] ?? '');
    };
    expect(await dump(1, path.basename(other))).toEqual(expected);
    expect(await dump(3, 'b')).toEqual(expected);
  }, 180_000);
});
