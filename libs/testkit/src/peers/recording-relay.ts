import net from 'node:net';

const LENGTH_BYTES = 4;
/** Key and version come before the correlation id of a request; an answer begins with it. */
const REQUEST_ID_AT = 4;
const ANSWER_ID_AT = 0;
const ID_BYTES = 4;
const FETCH = 1;
const BROKER_HEARTBEAT = 63;
/** How the fetchers of replicas call themselves. */
const FETCHER = 'broker-';

/** A request and its answer, without their lengths; the answer is absent when the connection ended first. */
export interface Exchange {
  readonly askedAtMs: number;
  readonly answeredAtMs: number;
  readonly clientId: string;
  readonly to: string;
  readonly request: Buffer;
  readonly answer: Buffer;
}

interface Asked {
  readonly atMs: number;
  readonly request: Buffer;
}

/** Takes the length-prefixed frames out of a stream. */
class Frames {
  private unread: Buffer = Buffer.alloc(0);

  constructor(private readonly onFrame: (frame: Buffer) => void) {}

  push(bytes: Buffer): void {
    this.unread = Buffer.concat([this.unread, bytes]);
    while (this.unread.length >= LENGTH_BYTES) {
      const end = LENGTH_BYTES + this.unread.readInt32BE(0);
      if (this.unread.length < end) return;
      const frame = this.unread.subarray(LENGTH_BYTES, end);
      this.unread = this.unread.subarray(end);
      this.onFrame(frame);
    }
  }
}

/** Doors on loopback in front of listeners of Kafka: what goes through is handed on as it is, and written down request by request. */
export class RecordingRelay {
  private readonly servers: net.Server[] = [];
  private readonly sockets = new Set<net.Socket>();
  private readonly last = new Map<string, Exchange>();
  readonly exchanges: Exchange[] = [];

  /** Only what clients say whose id this pattern matches. */
  constructor(private readonly recorded: RegExp) {}

  async open(port: number, to: string, targetPort: number): Promise<void> {
    const server = net.createServer({ noDelay: true }, (near) => this.accept(near, to, targetPort));
    this.servers.push(server);
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await Promise.all(this.servers.map((it) => new Promise((resolve) => it.close(resolve))));
  }

  private accept(near: net.Socket, to: string, targetPort: number): void {
    const far = net.connect({ port: targetPort, host: '127.0.0.1', noDelay: true });
    const asked: Asked[] = [];
    const requests = new Frames((request) => asked.push({ atMs: Date.now(), request }));
    const answers = new Frames((answer) => {
      const first = asked.shift();
      if (first !== undefined) this.note({ askedAtMs: first.atMs, answeredAtMs: Date.now(), clientId: clientIdOf(first.request), to, request: first.request, answer });
    });
    for (const [from, into, frames] of [[near, far, requests], [far, near, answers]] as const) {
      this.sockets.add(from);
      from.on('data', (bytes: Buffer) => {
        frames.push(bytes);
        into.write(bytes);
      });
      from.on('error', () => undefined);
      from.on('close', () => {
        this.sockets.delete(from);
        into.destroy();
      });
    }
  }

  /** Polls that say nothing new are left out. Fetch sessions count their requests: there only the answer tells. */
  private note(exchange: Exchange): void {
    if (!this.recorded.test(exchange.clientId)) return;
    const key = exchange.request.readInt16BE(0);
    const stream = `${exchange.clientId} ${exchange.to} ${key}`;
    const before = this.last.get(stream);
    this.last.set(stream, exchange);
    const isPoll = key === FETCH || key === BROKER_HEARTBEAT;
    if (isPoll && before !== undefined && isSameAnswer(before, exchange) && (exchange.clientId.startsWith(FETCHER) ? before.request.length === exchange.request.length : isSameRequest(before, exchange))) return;
    this.exchanges.push(exchange);
  }
}

function isSameRequest(a: Exchange, b: Exchange): boolean {
  return withoutId(a.request, REQUEST_ID_AT).equals(withoutId(b.request, REQUEST_ID_AT));
}

function isSameAnswer(a: Exchange, b: Exchange): boolean {
  return withoutId(a.answer, ANSWER_ID_AT).equals(withoutId(b.answer, ANSWER_ID_AT));
}

function withoutId(frame: Buffer, at: number): Buffer {
  return Buffer.concat([frame.subarray(0, at), frame.subarray(at + ID_BYTES)]);
}

function clientIdOf(request: Buffer): string {
  const at = REQUEST_ID_AT + ID_BYTES;
  const length = request.readInt16BE(at);
  return length < 0 ? '' : request.toString('utf8', at + 2, at + 2 + length);
}
