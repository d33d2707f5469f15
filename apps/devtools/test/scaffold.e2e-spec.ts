import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { Consumer } from '@millrace/client';
import { freePort, isListening, MillraceProcess, repositoryRoot, waitFor } from '@millrace/testkit';
import { withSection } from '../src/scaffold/config-docs.js';
import { createPackage, type PluginKind } from '../src/scaffold/create-package.js';

const root = repositoryRoot();
let folder: string;
beforeAll(() => (folder = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-scaffold-'))));
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

const ENTRIES = 25;

/** What the created connectors talk to: one feed with entries, and the items that were stored. */
class Service {
  readonly items = new Map<string, unknown>();
  private readonly server = http.createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const chunks: Buffer[] = [];
    request.on('data', (it: Buffer) => chunks.push(it));
    request.on('end', () => {
      if (request.method === 'PUT') this.items.set(url.pathname.slice(1), JSON.parse(Buffer.concat(chunks).toString()));
      const after = Number(url.searchParams.get('after'));
      const limit = Number(url.searchParams.get('limit'));
      response.end(JSON.stringify(Array.from({ length: ENTRIES }, (_, id) => ({ id, text: `entry ${id}` })).filter((it) => it.id > after).slice(0, limit)));
    });
  });

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }
}

function create(kind: PluginKind, name: string): string {
  const created = path.join(folder, 'plugins', name);
  createPackage({ kind, name, folder: created, root, isLinked: true });
  return created;
}

/** Runs a program in a folder; fails with what it said. */
async function run(program: string, args: readonly string[], cwd: string): Promise<void> {
  const child = spawn(path.join(cwd, 'node_modules/.bin', program), args, { cwd, env: { ...process.env, CI: 'true' } });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (it: Buffer) => (said += it.toString()));
  const code = await new Promise((resolve) => child.on('close', resolve));
  if (code !== 0) throw new Error(`${program} in ${cwd} ended with ${String(code)}:\n${said.slice(-4000)}`);
}

describe('devtools create', () => {
  it.each([
    ['source', 'order-feed'],
    ['sink', 'order-book'],
    ['transformation', 'order-mask'],
  ] as const)('makes a %s that compiles and passes its tests at once', async (kind, name) => {
    const created = create(kind, name);
    await run('tsc', [], created);
    await run('jest', [], created);
    const left = fs.readdirSync(path.join(created, 'src')).concat(fs.readFileSync(path.join(created, 'package.json'), 'utf8'), fs.readFileSync(path.join(created, 'README.md'), 'utf8'));
    expect(left.filter((it) => /Example[A-Z]|example-/.test(it))).toEqual([]);
    for (const it of ['LICENSE', '.gitignore', 'README.md', 'dist/index.js', 'dist/index.d.ts']) expect(fs.existsSync(path.join(created, it))).toBe(true);
  }, 180_000);

  it('makes connectors that a worker finds on its plugin.path and runs', async () => {
    const service = new Service();
    const url = await service.start();
    const [brokerPort, restPort] = [await freePort(), await freePort()];
    const bootstrap = `127.0.0.1:${brokerPort}`;
    const rest = `http://127.0.0.1:${restPort}`;
    const broker = await MillraceProcess.start({
      root, app: 'broker', folder: path.join(folder, 'broker'), isUp: () => isListening(brokerPort),
      config: { 'node.id': '1', listeners: `PLAINTEXT://${bootstrap}`, 'log.dirs': path.join(folder, 'data'), 'offsets.topic.num.partitions': '2', 'group.initial.rebalance.delay.ms': '0' },
    });
    const converter = 'org.apache.kafka.connect.json.JsonConverter';
    const worker = await MillraceProcess.start({
      root, app: 'connect', folder: path.join(folder, 'worker'), isUp: async () => (await fetch(`${rest}/connectors`).catch(() => undefined))?.ok === true,
      config: {
        'bootstrap.servers': bootstrap, 'group.id': 'scaffold', 'config.storage.topic': 'c', 'offset.storage.topic': 'o', 'status.storage.topic': 's', 'config.storage.replication.factor': '-1', 'offset.storage.replication.factor': '-1',
        'status.storage.replication.factor': '-1', 'key.converter': converter, 'value.converter': converter, listeners: rest, 'plugin.path': path.join(folder, 'plugins'),
      },
    });
    const consumer = new Consumer({ bootstrapServers: bootstrap, groupId: 'reader', autoOffsetReset: 'earliest' });
    try {
      const plugins = (await (await fetch(`${rest}/connector-plugins`)).json()) as { class: string; version: string }[];
      expect(plugins).toEqual(expect.arrayContaining([expect.objectContaining({ class: 'com.example.OrderFeedSource', version: '0.1.0' }), expect.objectContaining({ class: 'com.example.OrderBookSink' })]));
      await post(rest, 'feed', { 'connector.class': 'OrderFeedSource', 'tasks.max': '1', url, feeds: 'orders', topic: 'orders', 'batch.max.records': '10' });
      await post(rest, 'book', { 'connector.class': 'OrderBookSink', 'tasks.max': '1', url, topics: 'orders' });
      const read: number[] = [];
      consumer.subscribe(['orders']);
      await waitFor('the records are in the topic', 60_000, async () => {
        for (const it of await consumer.poll(500)) read.push((JSON.parse(Buffer.from(it.value ?? []).toString()) as { payload: { id: number } }).payload.id);
        return read.length >= ENTRIES;
      });
      expect(read).toEqual(Array.from({ length: ENTRIES }, (_, id) => id));
      await waitFor('the items are stored', 60_000, () => Promise.resolve(service.items.size === ENTRIES));
      expect(service.items.get('7')).toEqual({ id: 7, feed: 'orders', text: 'entry 7' });
    } finally {
      await consumer.close();
      await worker.stop();
      await broker.stop();
      await service.stop();
    }
  }, 180_000);

  it('refuses a name that is none, and a folder that is taken', () => {
    const options = { kind: 'sink', root, isLinked: false } as const;
    expect(() => createPackage({ ...options, name: 'Order Book', folder: path.join(folder, 'x') })).toThrow('no name for a package');
    expect(() => createPackage({ ...options, name: 'order-book', folder: root })).toThrow('is not empty');
    expect(fs.existsSync(path.join(folder, 'x'))).toBe(false);
  });
});

it('replaces the settings in a README, and adds them where there are none', () => {
  const once = withSection('# a\n\ntext\n', 'first');
  expect(once).toContain('text\n\n## Settings\n\n<!-- settings');
  expect(withSection(`${once}more\n`, 'second')).toBe(`${once.replace('first', 'second')}more\n`);
});

async function post(rest: string, name: string, config: Readonly<Record<string, string>>): Promise<void> {
  const response = await fetch(`${rest}/connectors`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ name, config }) });
  if (response.status !== 201) throw new Error(`${name} was refused: ${await response.text()}`);
}
