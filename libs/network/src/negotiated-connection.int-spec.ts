import { ByteReader, ByteWriter, SILENT_LOGGER, type Listening } from '@millrace/foundation';
import { systemClock as clock, timerScheduler as scheduler } from '@millrace/platform';
import { ApiVersions, encodeResponseFrame, ErrorCode, ListGroups, Metadata } from '@millrace/protocol';
import { NegotiatedConnection } from './negotiated-connection.js';
import { NodeTransport } from './node-transport.js';
import { ProtocolServer } from './protocol-server.js';
import type { RequestContext } from './request-context.js';

const transport = new NodeTransport();

/** A node that knows ApiVersions and Metadata, both up to a version. */
class OlderNode {
  readonly asked: (readonly [number, number])[] = [];

  constructor(private readonly newest: { readonly apiVersions: number; readonly metadata: number }) {}

  server(): ProtocolServer {
    const { apiVersions, metadata } = this.newest;
    const maxOf = new Map([[ApiVersions.apiKey, apiVersions], [Metadata.apiKey, metadata]]);
    const apiRange = (key: number) => (maxOf.has(key) ? { minVersion: 0, maxVersion: maxOf.get(key) ?? 0 } : undefined);
    return new ProtocolServer({ transport, clock, scheduler, logger: SILENT_LOGGER, apiRange, handle: (context, body) => ({ parts: this.answer(context, body) }) });
  }

  private answer({ apiKey, apiVersion, correlationId }: RequestContext, body: Uint8Array): Uint8Array[] {
    this.asked.push([apiKey, apiVersion]);
    const { apiVersions, metadata } = this.newest;
    const apiKeys = [{ apiKey: ApiVersions.apiKey, minVersion: 0, maxVersion: apiVersions }, { apiKey: Metadata.apiKey, minVersion: 0, maxVersion: metadata }];
    if (apiKey === ApiVersions.apiKey) return encodeResponseFrame(ApiVersions, { apiVersion, correlationId, body: { apiKeys } }, new ByteWriter());
    const { topics } = Metadata.request.decode(new ByteReader(body), apiVersion);
    return encodeResponseFrame(Metadata, { apiVersion, correlationId, body: { brokers: [], topics: (topics ?? []).map((it) => ({ name: it.name ?? '', partitions: [] })) } }, new ByteWriter());
  }
}

describe('a connection that asks for versions first', () => {
  const closing: (() => void | Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  async function connect(node: OlderNode): Promise<NegotiatedConnection> {
    const server = node.server();
    const listening: Listening = await server.listen('PLAINTEXT', { host: '127.0.0.1', port: 0 });
    closing.push(() => server.close(1000));
    const connection = await NegotiatedConnection.connect({ transport, clock, scheduler, endpoint: listening.endpoint, clientId: 'test', connectTimeoutMs: 1000, requestTimeoutMs: 5000 });
    closing.unshift(() => connection.connection.close());
    return connection;
  }
  const topics = [{ name: 'a', topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }];

  it('uses the newest version that both know, below a ceiling when one is given', async () => {
    const node = new OlderNode({ apiVersions: 3, metadata: 11 });
    const connection = await connect(node);
    expect((await connection.request(Metadata, { topics, allowAutoTopicCreation: false })).topics[0]?.name).toBe('a');
    await connection.request(Metadata, { topics }, { versionMax: 5 });
    expect(node.asked).toEqual([[ApiVersions.apiKey, 0], [Metadata.apiKey, 11], [Metadata.apiKey, 5]]);
  });

  it('asks in its newest version where that is known', async () => {
    const node = new OlderNode({ apiVersions: ApiVersions.maxVersion, metadata: 99 });
    await (await connect(node)).request(Metadata, { topics });
    expect(node.asked).toEqual([[ApiVersions.apiKey, ApiVersions.maxVersion], [Metadata.apiKey, Metadata.maxVersion]]);
  });

  it('does not send what the other end does not know', async () => {
    const node = new OlderNode({ apiVersions: 4, metadata: 3 });
    const connection = await connect(node);
    await expect(connection.request(ListGroups, {})).rejects.toMatchObject({ errorCode: ErrorCode.UNSUPPORTED_VERSION });
    // Without automatic creation, which version 3 cannot say.
    await expect(connection.request(Metadata, { topics, allowAutoTopicCreation: false })).rejects.toMatchObject({ errorCode: ErrorCode.UNSUPPORTED_VERSION });
    expect(node.asked.filter(([key]) => key !== ApiVersions.apiKey)).toEqual([]);
  });
});
