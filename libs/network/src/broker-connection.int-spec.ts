import { ByteReader, ByteWriter, SILENT_LOGGER, type Listening } from '@millrace/foundation';
import { systemClock as clock, timerScheduler as scheduler } from '@millrace/platform';
import { ListGroups, Metadata } from '@millrace/protocol';
import { BrokerConnection, type BrokerConnectionOptions } from './broker-connection.js';
import { NodeTransport } from './node-transport.js';
import { ProtocolServer, type RequestHandler } from './protocol-server.js';

const transport = new NodeTransport();

/** Echoes the topic names of a Metadata request, in its version. */
const echo: RequestHandler = (context, body) => {
  const request = Metadata.request.decode(new ByteReader(body), context.apiVersion);
  const writer = new ByteWriter();
  writer.reserve(4);
  writer.int32(context.correlationId);
  if (context.apiVersion >= 9) writer.uint8(0);
  Metadata.response.encode(writer, { brokers: [], topics: (request.topics ?? []).map((it) => ({ name: it.name ?? '', partitions: [] })) }, context.apiVersion);
  writer.patchInt32(0, writer.position - 4);
  return { parts: writer.takeChunks() };
};

describe('BrokerConnection on loopback', () => {
  const closing: (() => void | Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  async function serve(handle: RequestHandler): Promise<Listening> {
    const apiRange = (key: number) => (key === Metadata.apiKey ? { minVersion: 0, maxVersion: 13 } : undefined);
    const server = new ProtocolServer({ transport, clock, scheduler, logger: SILENT_LOGGER, apiRange, handle });
    const listening = await server.listen('PLAINTEXT', { host: '127.0.0.1', port: 0 });
    closing.push(() => server.close(1000));
    return listening;
  }
  async function connect(port: number, options: Partial<BrokerConnectionOptions> = {}): Promise<BrokerConnection> {
    const connection = await BrokerConnection.connect({ transport, clock, scheduler, endpoint: { host: '127.0.0.1', port }, clientId: 'test', connectTimeoutMs: 1000, requestTimeoutMs: 5000, ...options });
    closing.unshift(() => connection.close());
    return connection;
  }
  const ask = async (connection: BrokerConnection, name: string, version = 12): Promise<string | null | undefined> =>
    (await connection.request(Metadata, version, { topics: [{ name, topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }], allowAutoTopicCreation: true })).topics[0]?.name;

  it('pipelines requests of different versions and pairs the responses', async () => {
    const { endpoint } = await serve(echo);
    const connection = await connect(endpoint.port);
    const names = Array.from({ length: 100 }, (_, i) => `topic-${i}`);
    expect(await Promise.all(names.map((name, i) => ask(connection, name, 4 + (i % 9))))).toEqual(names);
  });

  it('lends responses to whoever takes them on the spot, between others that are kept', async () => {
    const { endpoint } = await serve(echo);
    const connection = await connect(endpoint.port);
    const lent = (name: string, take: (name: string | null | undefined) => string): Promise<string> =>
      connection.requestLent(Metadata, 12, { topics: [{ name, topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }], allowAutoTopicCreation: true }, (it) => take(it.topics[0]?.name));
    const long = 'x'.repeat(20_000);
    const failing = lent('b', () => {
      throw new Error('not taken');
    });
    const answers = Promise.all([lent('a', (it) => `took ${it}`), ask(connection, long), lent('c', (it) => `took ${it}`), ask(connection, 'd')]);
    await expect(failing).rejects.toThrow('not taken');
    expect(await answers).toEqual(['took a', long, 'took c', 'd']);
    expect(connection.isOpen).toBe(true);
    connection.close();
    await expect(lent('late', String)).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
  });

  it('fails everything in flight when the broker closes, and says so once', async () => {
    const { endpoint } = await serve(() => new Promise(() => undefined));
    const connection = await connect(endpoint.port);
    let closed = 0;
    connection.onClose = () => (closed += 1);
    const [waiting, closing_] = [ask(connection, 'a'), connection.request(ListGroups, 4, { statesFilter: [] })];
    connection.send(ListGroups, 4, { statesFilter: [] });
    await expect(ask(await connect(endpoint.port), 'x', 99)).rejects.toMatchObject({ code: 'KAFKA_UNSUPPORTED_VERSION' });
    connection.close();
    await expect(waiting).rejects.toMatchObject({ code: 'CONNECTION_CLOSED', isRetriable: true });
    await expect(closing_).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
    await expect(ask(connection, 'late')).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
    expect(closed).toBe(1);
  });

  it('notices that the broker hangs up on a request that it does not know', async () => {
    const { endpoint } = await serve(echo);
    const connection = await connect(endpoint.port);
    await expect(connection.request(ListGroups, 4, { statesFilter: [] })).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
    expect(connection.isOpen).toBe(false);
  });

  it('gives up on a request that takes too long, and on the connection', async () => {
    const { endpoint } = await serve(() => new Promise(() => undefined));
    const connection = await connect(endpoint.port, { idleMsMax: 60_000 });
    await expect(connection.request(Metadata, 12, { topics: null, allowAutoTopicCreation: false }, { timeoutMs: 50 })).rejects.toMatchObject({ code: 'REQUEST_TIMED_OUT' });
    expect(connection.isOpen).toBe(false);
  });

  it('closes when idle', async () => {
    const { endpoint } = await serve(echo);
    const connection = await connect(endpoint.port, { idleMsMax: 50 });
    expect(await ask(connection, 'a')).toBe('a');
    await new Promise<void>((resolve) => (connection.onClose = () => resolve()));
    expect(connection.isOpen).toBe(false);
  });

  it.each([
    ['an oversized response', () => ({ parts: [Buffer.from([0x7f, 0xff, 0xff, 0xff])] }), /limit is 104857600/],
    ['a foreign correlation id', () => ({ parts: [Buffer.from([0, 0, 0, 4, 0, 0, 0, 99])] }), /correlation id 99/],
    ['a truncated body', () => ({ parts: [Buffer.from([0, 0, 0, 5, 0, 0, 0, 0, 0])] }), /cannot be read/],
  ])('closes on %s', async (_name, response, reason) => {
    const { endpoint } = await serve(response);
    const connection = await connect(endpoint.port);
    await expect(ask(connection, 'a')).rejects.toMatchObject({ code: 'BAD_RESPONSE', message: expect.stringMatching(reason) });
    expect(connection.isOpen).toBe(false);
  });

  it('names the endpoint that cannot be reached', async () => {
    const { endpoint, close } = await transport.listen({ host: '127.0.0.1', port: 0 }, () => undefined);
    await close();
    await expect(connect(endpoint.port)).rejects.toMatchObject({ code: 'CONNECTION_FAILED', message: expect.stringContaining(`127.0.0.1:${endpoint.port}`) });
  });
});
