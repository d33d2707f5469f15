import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { freePort, isListening, MillraceProcess, repositoryRoot, waitFor } from '@millrace/testkit';
import { request } from './rest-conversation.js';
import { startMillrace } from './workers.js';

let folder: string;
beforeEach(() => (folder = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-start-'))));
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

/** Java prints each digit of a position. */
const BIG_OFFSETS = '{"offsets":[{"partition":{"from":"here"},"offset":{"position":1152921504606846977,"isLast":true}}]}';

it('positions keep their digits; a worker that starts again never says that its connectors are not there', async () => {
  const worker = await startMillrace(folder);
  try {
    const config = { 'connector.class': 'FileStreamSource', topic: 'kept', file: 'in.txt' };
    expect((await request(worker.url, { method: 'PUT', path: '/connectors/kept/config', body: config })).status).toBe(201);
    expect((await request(worker.url, { method: 'PUT', path: '/connectors/big/config', body: { 'connector.class': 'io.example.BigOffsetConnector' } })).status).toBe(201);
    await waitFor('the offset is stored', 30_000, async () => (await request(worker.url, { method: 'GET', path: '/connectors/big/offsets' })).text === BIG_OFFSETS);
    expect((await request(worker.url, { method: 'DELETE', path: '/connectors/big' })).status).toBe(204);
    for (let round = 0; round < 3; round++) expect((await worker.restart()).connectors).toEqual(['kept']);
  } finally {
    await worker.stop();
  }
}, 120_000);

it('a worker without a broker answers of itself, and holds the rest', async () => {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const topics = { 'config.storage.topic': 'c', 'offset.storage.topic': 'o', 'status.storage.topic': 's' };
  const converter = 'org.apache.kafka.connect.json.JsonConverter';
  const worker = await MillraceProcess.start({
    root: repositoryRoot(),
    app: 'connect',
    folder,
    config: { 'bootstrap.servers': `127.0.0.1:${await freePort()}`, 'group.id': 'g', ...topics, 'key.converter': converter, 'value.converter': converter, listeners: url, 'admin.listeners': '' },
    isUp: () => isListening(port),
  });
  try {
    expect(await request(url, { method: 'GET', path: '/health' })).toMatchObject({ status: 503, text: expect.stringContaining('"status":"starting"') });
    expect(await request(url, { method: 'GET', path: '/nothing' })).toMatchObject({ status: 404 });
    expect(await request(url, { method: 'GET', path: '/admin/loggers' })).toMatchObject({ status: 404 });
    await expect(fetch(`${url}/connectors`, { signal: AbortSignal.timeout(300) })).rejects.toThrow(/timeout/);
    expect(await request(url, { method: 'OPTIONS', path: '/connectors' })).toMatchObject({ status: 200 });
    expect(worker.hasExited).toBe(false);
  } finally {
    await worker.kill();
  }
}, 60_000);
