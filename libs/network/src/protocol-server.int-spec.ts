import { createConnection, type Socket } from 'node:net';
import { once } from 'node:events';
import { SILENT_LOGGER, type Logger } from '@millrace/foundation';
import { systemClock as clock, timerScheduler as scheduler } from '@millrace/platform';
import { NodeTransport } from './node-transport.js';
import { ProtocolServer, type ProtocolServerOptions, type RequestHandler, type ServerLimits } from './protocol-server.js';
import type { ApiRange } from './request-framing.js';

function frame(apiKey: number, apiVersion: number, correlationId: number, body: Uint8Array = new Uint8Array()): Buffer {
  const header = Buffer.alloc(14);
  header.writeInt32BE(10 + body.length);
  header.writeInt16BE(apiKey, 4);
  header.writeInt16BE(apiVersion, 6);
  header.writeInt32BE(correlationId, 8);
  header.writeInt16BE(-1, 12);
  return Buffer.concat([header, body]);
}

/** A response frame that holds nothing but its correlation id and so many bytes. */
function correlation(id: number, bodyBytes = 0): Uint8Array {
  const bytes = Buffer.alloc(8 + bodyBytes);
  bytes.writeInt32BE(4 + bodyBytes);
  bytes.writeInt32BE(id, 4);
  return bytes;
}

/** Reads whole frames from a socket and gives their bodies. */
class Reader {
  private bytes = Buffer.alloc(0);
  private wake: () => void = () => undefined;
  isClosed = false;
  constructor(readonly socket: Socket) {
    socket.on('data', (chunk: Buffer) => {
      this.bytes = Buffer.concat([this.bytes, chunk]);
      this.wake();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.isClosed = true;
      this.wake();
    });
  }
  async next(): Promise<Buffer | undefined> {
    for (;;) {
      if (this.bytes.length >= 4 && this.bytes.length >= 4 + this.bytes.readInt32BE()) {
        const end = 4 + this.bytes.readInt32BE();
        const body = this.bytes.subarray(4, end);
        this.bytes = this.bytes.subarray(end);
        return body;
      }
      if (this.isClosed) return undefined;
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }
}

describe('ProtocolServer on loopback', () => {
  const servers: ProtocolServer[] = [];
  const sockets: Socket[] = [];
  const warnings: string[] = [];
  const logger: Logger = { ...SILENT_LOGGER, warn: (fields) => warnings.push(String(fields['reason'] ?? '')) };

  async function serve(handle: RequestHandler, options: Partial<ProtocolServerOptions> = {}): Promise<number> {
    const server = new ProtocolServer({ transport: new NodeTransport(), clock, scheduler, logger, apiRange: (key) => (key === 18 || key === 3 ? { minVersion: 0, maxVersion: 4 } : undefined), handle, ...options });
    servers.push(server);
    return (await server.listen('PLAINTEXT', { host: 'localhost', port: 0 })).endpoint.port;
  }
  async function open(port: number, host = '127.0.0.1'): Promise<Reader> {
    const socket = createConnection({ host, port });
    sockets.push(socket);
    const reader = new Reader(socket);
    await once(socket, 'connect');
    return reader;
  }
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await Promise.all(servers.splice(0).map((it) => it.close(1000)));
    warnings.length = 0;
  });

  it('listens in both address families for localhost', async () => {
    const port = await serve((context) => ({ parts: [correlation(context.correlationId)] }));
    for (const host of ['127.0.0.1', '::1']) {
      const reader = await open(port, host);
      reader.socket.write(frame(3, 0, 7));
      expect((await reader.next())?.readInt32BE()).toBe(7);
    }
  });

  it('says which address is taken', async () => {
    const port = await serve(() => undefined);
    await expect(new NodeTransport().listen({ host: 'localhost', port }, () => undefined)).rejects.toMatchObject({ code: 'ADDRESS_IN_USE', message: expect.stringContaining(`localhost:${port}`) });
  });

  it('answers in the order of requests and runs one at a time per connection', async () => {
    const running: number[] = [];
    let most = 0;
    const port = await serve(async (context) => {
      running.push(context.correlationId);
      most = Math.max(most, running.length);
      for (let i = 0; i < 10 - context.correlationId; i++) await new Promise(setImmediate);
      running.pop();
      return { parts: [correlation(context.correlationId)] };
    });
    const reader = await open(port);
    reader.socket.write(Buffer.concat(Array.from({ length: 10 }, (_, i) => frame(3, 0, i))));
    for (let i = 0; i < 10; i++) expect((await reader.next())?.readInt32BE()).toBe(i);
    expect(most).toBe(1);
  });

  describe('an API whose requests are pipelined', () => {
    const PIPELINED = 18;
    const apiRange = (key: number): ApiRange | undefined => (key === 3 || key === PIPELINED ? { minVersion: 0, maxVersion: 4, isPipelined: key === PIPELINED } : undefined);

    /** Requests wait for their answers until they are told to give them. */
    async function serveGated(limits: Partial<ServerLimits> = {}): Promise<{ reader: Reader; begun: number[]; answer: (id: number) => void; untilBegun: (count: number) => Promise<void> }> {
      const begun: number[] = [];
      const gates = new Map<number, () => void>();
      const port = await serve(
        (context) => {
          begun.push(context.correlationId);
          return new Promise((resolve) => gates.set(context.correlationId, () => resolve({ parts: [correlation(context.correlationId)] })));
        },
        { apiRange, limits },
      );
      const untilBegun = async (count: number): Promise<void> => {
        while (begun.length < count) await new Promise(setImmediate);
      };
      return { reader: await open(port), begun, answer: (id) => gates.get(id)?.(), untilBegun };
    }

    it('begins them in order while others wait, and answers in order whichever is ready first', async () => {
      const { reader, answer, untilBegun, begun } = await serveGated();
      reader.socket.write(Buffer.concat([0, 1, 2].map((id) => frame(PIPELINED, 0, id))));
      await untilBegun(3);
      expect(begun).toEqual([0, 1, 2]);
      for (const id of [2, 1, 0]) answer(id);
      for (const id of [0, 1, 2]) expect((await reader.next())?.readInt32BE()).toBe(id);
    });

    it('lets no other request begin behind them, and none of them behind another', async () => {
      const { reader, answer, untilBegun, begun } = await serveGated();
      reader.socket.write(Buffer.concat([frame(PIPELINED, 0, 0), frame(PIPELINED, 0, 1), frame(3, 0, 2), frame(PIPELINED, 0, 3)]));
      await untilBegun(2);
      answer(1);
      answer(0);
      await untilBegun(3);
      expect(begun).toEqual([0, 1, 2]);
      answer(2);
      await untilBegun(4);
      answer(3);
      for (const id of [0, 1, 2, 3]) expect((await reader.next())?.readInt32BE()).toBe(id);
    });

    it('lets so many wait together as the limit says', async () => {
      const { reader, answer, untilBegun, begun } = await serveGated({ pipelinedRequestsMax: 2 });
      reader.socket.write(Buffer.concat([0, 1, 2].map((id) => frame(PIPELINED, 0, id))));
      await untilBegun(2);
      answer(1);
      answer(0);
      for (const id of [0, 1]) expect((await reader.next())?.readInt32BE()).toBe(id);
      expect(begun).toEqual([0, 1, 2]);
      answer(2);
      expect((await reader.next())?.readInt32BE()).toBe(2);
    });

    it('answers what came before one that closes the connection, and all of them before an orderly end', async () => {
      const failing = await serve((context) => (context.correlationId === 1 ? Promise.reject(new Error('gone')) : new Promise((resolve) => setImmediate(() => resolve({ parts: [correlation(context.correlationId)] })))), { apiRange });
      const reader = await open(failing);
      reader.socket.write(Buffer.concat([0, 1, 2].map((id) => frame(PIPELINED, 0, id))));
      expect((await reader.next())?.readInt32BE()).toBe(0);
      expect(await reader.next()).toBeUndefined();
      expect(warnings).toEqual(['gone']);

      const ending = await serveGated();
      ending.reader.socket.write(Buffer.concat([0, 1].map((id) => frame(PIPELINED, 0, id))));
      await ending.untilBegun(2);
      const closed = servers.at(-1)?.close(5000);
      ending.answer(1);
      ending.answer(0);
      for (const id of [0, 1]) expect((await ending.reader.next())?.readInt32BE()).toBe(id);
      expect(await ending.reader.next()).toBeUndefined();
      await closed;
    });
  });

  it('serves another connection while one waits', async () => {
    let release: () => void = () => undefined;
    const port = await serve(async (context) => {
      if (context.correlationId === 1) await new Promise<void>((resolve) => (release = resolve));
      return { parts: [correlation(context.correlationId)] };
    });
    const [slow, quick] = [await open(port), await open(port)];
    slow.socket.write(frame(3, 0, 1));
    quick.socket.write(frame(3, 0, 2));
    expect((await quick.next())?.readInt32BE()).toBe(2);
    release();
    expect((await slow.next())?.readInt32BE()).toBe(1);
  });

  it('answers an ApiVersions version from the future in version 0, with its own range', async () => {
    const port = await serve(() => undefined);
    const reader = await open(port);
    reader.socket.write(frame(18, 99, 5));
    expect((await reader.next())?.toString('hex')).toBe('00000005' + '0023' + '00000001' + '0012' + '0000' + '0004');
  });

  it.each([
    ['an unknown key', frame(999, 0, 1), /unknown api key 999/],
    ['an unsupported version', frame(3, 50, 1), /version 50 of api key 3/],
    ['an oversized frame', Buffer.from([0x7f, 0, 0, 0]), /limit is 104857600/],
    ['a frame without a header', Buffer.from([0, 0, 0, 2, 0, 3]), /no header/],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), /HTTP/],
  ])('closes on %s, says why, and serves the others', async (_name, bytes, reason) => {
    const port = await serve((context) => ({ parts: [correlation(context.correlationId)] }));
    const [bad, good] = [await open(port), await open(port)];
    bad.socket.write(bytes);
    expect(await bad.next()).toBeUndefined();
    expect(warnings).toEqual([expect.stringMatching(reason)]);
    good.socket.write(frame(3, 0, 9));
    expect((await good.next())?.readInt32BE()).toBe(9);
  });

  it('stops reading a client whose requests pile up, and catches up', async () => {
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    let handled = 0;
    const PING = 1000;
    const port = await serve(
      async (context) => {
        if (context.correlationId >= PING) return { parts: [correlation(context.correlationId)] };
        await gate;
        handled += 1;
        return { parts: [correlation(context.correlationId)] };
      },
      { limits: { waitingRequestsMax: 4, waitingBytesMax: 1_000_000 } },
    );
    const [reader, other] = [await open(port), await open(port)];
    const body = new Uint8Array(100_000);
    let drained = 0;
    for (let i = 0; i < 300; i++) reader.socket.write(frame(3, 0, i, body), () => (drained += 1));
    // The server is at work all the while: when it has answered another client so often and nothing more was taken from this one, it reads this one no longer.
    for (let pings = 0, before = -1; pings < 100; pings++) {
      if (drained !== before) pings = 0;
      before = drained;
      other.socket.write(frame(3, 0, PING + pings));
      expect((await other.next())?.readInt32BE()).toBe(PING + pings);
    }
    expect(drained).toBeLessThan(200);
    expect(reader.socket.writableLength).toBeGreaterThan(body.length);
    release();
    for (let i = 0; i < 300; i++) expect((await reader.next())?.readInt32BE()).toBe(i);
    expect(handled).toBe(300);
  });

  it('closes a client that does not read, and one that is idle', async () => {
    const port = await serve((context) => ({ parts: [correlation(context.correlationId, 8 * 1024 * 1024)] }), { limits: { writeTimeoutMs: 100, idleMsMax: 300 } });
    const [deaf, idle] = [await open(port), await open(port)];
    deaf.socket.pause();
    for (let i = 0; i < 10; i++) deaf.socket.write(frame(3, 0, i));
    expect(await idle.next()).toBeUndefined();
    expect(warnings).toEqual([expect.stringMatching(/does not read/)]);
  });

  it('counts a refused client that does not read, and cuts it after the time to write or when the server closes', async () => {
    for (const limits of [{ writeTimeoutMs: 100 }, {}]) {
      const transport = new NodeTransport();
      let isGone = false;
      const port = await serve((context) => ({ parts: [correlation(context.correlationId, 16 * 1024 * 1024)] }), {
        limits,
        transport: {
          connect: (endpoint, options) => transport.connect(endpoint, options),
          listen: (endpoint, onConnection) =>
            transport.listen(endpoint, (connection) => {
              onConnection(connection);
              const { onClose } = connection;
              connection.onClose = (error) => {
                isGone = true;
                onClose(error);
              };
            }),
        },
      });
      const server = servers.at(-1)!;
      const deaf = await open(port);
      deaf.socket.pause();
      deaf.socket.write(Buffer.concat([frame(3, 0, 1), frame(3, 0, 2), Buffer.from([0x7f, 0, 0, 0])]));
      while (warnings.length === 0) await new Promise(setImmediate);
      expect({ isGone, counted: server.connectionCount }).toEqual({ isGone: false, counted: 1 });
      if (limits.writeTimeoutMs === undefined) await server.close(20);
      while (!isGone) await new Promise(setImmediate);
      expect(server.connectionCount).toBe(0);
      warnings.length = 0;
    }
  });

  it('refuses connections over the bounds', async () => {
    const port = await serve((context) => ({ parts: [correlation(context.correlationId)] }), { limits: { connectionsPerIpMax: 2 } });
    const [first] = [await open(port), await open(port)];
    expect(await (await open(port)).next()).toBeUndefined();
    first.socket.write(frame(3, 0, 1));
    expect((await first.next())?.readInt32BE()).toBe(1);
  });

  it('lets a request in progress be answered when it closes', async () => {
    let release: (() => void) | undefined;
    const port = await serve(async (context) => {
      await new Promise<void>((resolve) => (release = resolve));
      return { parts: [correlation(context.correlationId)] };
    });
    const reader = await open(port);
    reader.socket.write(frame(3, 0, 1));
    while (release === undefined) await new Promise(setImmediate);
    const closed = servers[0]?.close(5000);
    release();
    expect((await reader.next())?.readInt32BE()).toBe(1);
    await closed;
    expect(await reader.next()).toBeUndefined();
  });
});
