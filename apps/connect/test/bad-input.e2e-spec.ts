import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { EmbeddedPostgres } from '@millrace/embedded-postgres';
import { freePort, repositoryRoot, waitFor } from '@millrace/testkit';
import { request } from './rest-conversation.js';
import { startMillrace, type WorkerUnderTest } from './workers.js';

/** Recognisable, and allowed nowhere but in GET of a connector's own config. */
const PASSWORD = 'Zitrone-77-right';
const WRONG = 'Zitrone-88-wrong';

interface ConfigInfos {
  readonly error_count: number;
  readonly configs: { readonly value: { readonly name: string; readonly value: string | null; readonly errors: string[] } }[];
}

describe('bad input', () => {
  let folder: string;
  let postgres: EmbeddedPostgres;
  let worker: WorkerUnderTest;
  let closedPort: number;
  const answers: string[] = [];

  beforeAll(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-bad-input-'));
    fs.chmodSync(folder, 0o755);
    [postgres, worker, closedPort] = await Promise.all([
      EmbeddedPostgres.start({ folder: path.join(folder, 'postgres'), auth: 'scram-sha-256', password: PASSWORD }),
      startMillrace(path.join(folder, 'millrace'), { 'access.control.allow.origin': 'https://ui.example', 'access.control.allow.methods': 'GET,PUT', 'response.http.headers.config': 'add Cache-Control: no-cache,"set X-Names: a,b"' }),
      freePort(),
    ]);
  }, 120_000);
  afterAll(async () => {
    await worker?.stop();
    await postgres?.stop();
    fs.rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  async function ask(method: string, at: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<{ status: number; body: unknown }> {
    const answer = await request(worker.url, { method, path: at, body, headers });
    answers.push(answer.text);
    return { status: answer.status, body: answer.text === '' ? undefined : JSON.parse(answer.text) };
  }

  function source(more: Record<string, string | undefined> = {}): Record<string, string | undefined> {
    return {
      'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
      'tasks.max': '1',
      'plugin.name': 'pgoutput',
      'database.hostname': postgres.host,
      'database.port': String(postgres.port),
      'database.user': postgres.user,
      'database.password': PASSWORD,
      'database.dbname': 'postgres',
      'topic.prefix': 'bad',
      'slot.name': 'bad_input',
      'publication.name': 'bad_input',
      ...more,
    };
  }

  function sink(more: Record<string, string | undefined> = {}): Record<string, string | undefined> {
    return {
      'connector.class': 'io.debezium.connector.jdbc.JdbcSinkConnector',
      'tasks.max': '1',
      topics: 'bad.public.items',
      'connection.url': `jdbc:postgresql://${postgres.host}:${postgres.port}/postgres`,
      'connection.username': postgres.user,
      'connection.password': PASSWORD,
      'insert.mode': 'upsert',
      'primary.key.mode': 'record_key',
      ...more,
    };
  }

  it('a good source runs all the while', async () => {
    expect((await ask('PUT', '/connectors/good/config', source())).status).toBe(201);
    await goodRuns();
  }, 60_000);

  async function goodRuns(): Promise<void> {
    await waitFor('the good connector runs', 30_000, async () => {
      const { body } = await ask('GET', '/connectors/good/status');
      const { connector, tasks } = body as { connector?: { state: string }; tasks?: { state: string }[] };
      return connector?.state === 'RUNNING' && tasks?.[0]?.state === 'RUNNING';
    });
  }

  it.each<[string, () => Record<string, string | undefined>, string, RegExp]>([
    ['source: missing key', () => source({ 'topic.prefix': undefined }), 'topic.prefix', /topic\.prefix/],
    ['source: unreachable database', () => source({ 'database.port': String(closedPort) }), 'database.hostname', /connect/i],
    ['source: wrong password', () => source({ 'database.password': WRONG }), 'database.password', /password authentication failed/],
    ['source: unknown database', () => source({ 'database.dbname': 'missing' }), 'database.dbname', /missing/],
    ['sink: missing key', () => sink({ 'connection.url': undefined }), 'connection.url', /connection\.url/],
    ['sink: unreachable database', () => sink({ 'connection.url': `jdbc:postgresql://127.0.0.1:${closedPort}/postgres` }), 'connection.url', /connect/i],
    ['sink: wrong password', () => sink({ 'connection.password': WRONG }), 'connection.password', /password/],
    ['sink: wrong password in the address', () => sink({ 'connection.url': `jdbc:postgresql://127.0.0.1:${postgres.port}/postgres?user=postgres&password=${WRONG}`, 'connection.username': undefined, 'connection.password': undefined }), 'connection.password', /password/],
    ['sink: no topics', () => sink({ topics: undefined }), 'topics', /Must configure one of topics or topics\.regex/],
    ['source: half of topic.creation', () => source({ 'topic.creation.default.partitions': 'x' }), 'topic.creation.default.partitions', /Not a number of type INT/],
    ['source: a value from a provider that is not there', () => source({ 'database.password': '${file:/secrets:db}' }), 'database.password', /config provider/],
  ])('%s: the error is at the key, on validate and on create', async (_, config, key, message) => {
    const given = config();
    const validated = await ask('PUT', `/connector-plugins/${given['connector.class']}/config/validate`, { name: 'bad', ...given });
    expect(validated.status).toBe(200);
    const { configs, error_count } = validated.body as ConfigInfos;
    const errors = configs.find((it) => it.value.name === key)?.value.errors ?? [];
    expect(errors.join('\n')).toMatch(message);
    const created = await ask('POST', '/connectors', { name: 'bad', config: given });
    expect(created.body).toEqual({ error_code: 400, message: expect.stringContaining(`invalid and contains the following ${error_count} error(s):`) });
    expect((created.body as { message: string }).message).toContain(errors[0]);
    expect((await ask('PUT', '/connectors/bad/config', given)).status).toBe(400);
    expect((await ask('GET', '/connectors/bad')).status).toBe(404);
  });

  it('an unknown class is refused by name', async () => {
    const created = await ask('POST', '/connectors', { name: 'bad', config: { 'connector.class': 'io.example.Nowhere', 'database.password': WRONG } });
    expect(created).toMatchObject({ status: 400, body: { error_code: 400, message: expect.stringContaining('Failed to find any class that implements Connector and which name matches io.example.Nowhere') } });
    expect((await ask('POST', '/connectors', { name: 'bad', config: { 'database.password': WRONG } })).status).toBe(400);
  });

  it('a body that is no JSON does not come back', async () => {
    expect(await ask('POST', '/connectors', `{"name":"x","config":{"database.password":"${WRONG}"`)).toMatchObject({ status: 500 });
    expect(await ask('POST', '/connectors', `${WRONG}`)).toMatchObject({ status: 500 });
    expect(await ask('PUT', '/connectors/x/config', { 'database.password': { secret: WRONG } })).toMatchObject({ status: 500 });
  });

  it('a password that turns wrong later fails the task, and only it', async () => {
    const created = await ask('PUT', '/connectors/turned/config', sink({ topics: 'bad.public.none' }));
    expect(created.status).toBe(201);
    expect(answers.pop()).toContain(PASSWORD);
    await waitFor('the sink runs', 30_000, async () => ((await ask('GET', '/connectors/turned/status')).body as { tasks?: { state: string }[] }).tasks?.[0]?.state === 'RUNNING');
    const refused = await ask('PATCH', '/connectors/turned/config', { 'connection.password': WRONG });
    expect(refused).toMatchObject({ status: 400, body: { message: expect.stringContaining('1 error(s)') } });
    expect((await ask('DELETE', '/connectors/turned')).status).toBe(204);
  }, 60_000);

  it('a body over the limit is a clear 413', async () => {
    const big = JSON.stringify({ name: 'big', config: { a: 'x'.repeat(17 * 1024 * 1024) } });
    const refusal = { status: 413, body: { error_code: 413, message: 'The request body is larger than the limit of 16777216 bytes' } };
    expect(await ask('POST', '/connectors', big)).toEqual(refusal);
    expect(await ask('POST', '/connectors', big, { 'content-length': '', 'transfer-encoding': 'chunked' })).toEqual(refusal);
  });

  it('garbage instead of HTTP is a 400 in the same form, and the worker goes on', async () => {
    const { hostname, port } = new URL(worker.url);
    const text = await new Promise<string>((resolve, reject) => {
      const socket = net.connect(Number(port), hostname, () => socket.write('\u0016\u0003\u0001 not http at all\r\n\r\n'));
      let received = '';
      socket.on('data', (chunk) => (received += chunk.toString()));
      socket.on('close', () => resolve(received));
      socket.on('error', reject);
    });
    expect(text).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(text).toContain('{"error_code":400,"message":"HTTP 400 Bad Request"}');
    expect((await ask('GET', '/health')).status).toBe(200);
  });

  it('pages of the allowed origin are let in, with the configured headers', async () => {
    const preflight = await fetch(`${worker.url}/connectors`, { method: 'OPTIONS', headers: { origin: 'https://ui.example', 'access-control-request-method': 'PUT' } });
    expect(Object.fromEntries(preflight.headers)).toMatchObject({
      vary: 'Origin',
      'access-control-allow-origin': 'https://ui.example',
      'access-control-allow-methods': 'GET,PUT',
      'access-control-allow-headers': 'Content-Type',
      'access-control-max-age': '60',
      'cache-control': 'no-cache',
      'x-names': 'a,b',
    });
    const other = await fetch(`${worker.url}/connectors`, { headers: { origin: 'https://other.example' } });
    expect(other.headers.get('access-control-allow-origin')).toBeNull();
    expect(other.headers.get('vary')).toBe('Origin');
  });

  it('no secret is in any answer or in the log, and the good connector still runs', async () => {
    await goodRuns();
    const config = await request(worker.url, { method: 'GET', path: '/connectors/good/config' });
    expect(config.text).toContain(PASSWORD);
    const shown = answers.filter((it) => !it.startsWith('{"name":"good","config"')).join('\n');
    for (const secret of [PASSWORD, WRONG]) {
      expect(shown).not.toContain(secret);
      expect(fs.readFileSync(worker.logFile, 'utf8')).not.toContain(secret);
    }
  }, 60_000);

  it('a taken port ends the process with one line and 1, a wrong setting with 2', async () => {
    const file = path.join(folder, 'second.properties');
    const settings = { 'bootstrap.servers': '127.0.0.1:1', 'group.id': 'g', 'config.storage.topic': 'c', 'offset.storage.topic': 'o', 'status.storage.topic': 's', 'key.converter': 'org.apache.kafka.connect.json.JsonConverter', 'value.converter': 'org.apache.kafka.connect.json.JsonConverter' };
    const run = async (more: Record<string, string>): Promise<{ code: number | null; errors: string }> => {
      fs.writeFileSync(file, Object.entries({ ...settings, ...more }).map(([key, value]) => `${key}=${value}\n`).join(''));
      const child = spawn(process.execPath, [path.join(repositoryRoot(), 'apps/connect/dist/main.js'), file], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
      let errors = '';
      child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
      const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
      return { code, errors };
    };
    const { port } = new URL(worker.url);
    expect(await run({ listeners: worker.url })).toEqual({ code: 1, errors: `Port ${port} of 127.0.0.1 is taken by another process (setting listeners).\n` });
    expect(await run({ listeners: 'https://127.0.0.1:1' })).toEqual({ code: 2, errors: 'Invalid value for configuration ssl.keystore.location: an https listener needs a certificate: ssl.keystore.location, or ssl.keystore.certificate.chain and ssl.keystore.key\n' });
    expect(await run({ 'tasks.max': '1', 'offset.flush.interval.ms': 'soon' })).toMatchObject({ code: 2, errors: expect.stringMatching(/^Invalid value soon for configuration offset\.flush\.interval\.ms: Not a number of type LONG\n$/) });
  }, 30_000);
});
