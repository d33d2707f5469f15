import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { freePort, isListening, MillraceProcess, repositoryRoot } from '@millrace/testkit';
import { request } from './rest-conversation.js';
import { startMillrace } from './workers.js';

let folder: string;
beforeEach(() => (folder = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-start-'))));
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

it('a worker that starts again never says that its connectors are not there', async () => {
  const worker = await startMillrace(folder);
  try {
    const config = { 'connector.class': 'FileStreamSource', topic: 'kept', file: 'in.txt' };
    expect((await request(worker.url, { method: 'PUT', path: '/connectors/kept/config', body: config })).status).toBe(201);
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
