import { createConnection, createServer, Socket, type AddressInfo, type Server } from 'node:net';
import { OperationalError, errorMessage, type Connection, type Endpoint, type Listening, type Transport } from '@millrace/foundation';

/** Queued output above which `Connection.write` answers false. */
const WRITE_HIGH_WATER_BYTES = 1024 * 1024;
const READ_BYTES = 1024 * 1024;
/** How often another port is tried when the system's choice for one address family is taken in the other. */
const BIND_ATTEMPTS = 10;

/** Sockets of this machine. `localhost` is bound in both address families, because clients differ in which one they try first. */
export class NodeTransport implements Transport {
  async listen(endpoint: Endpoint, onConnection: (connection: Connection) => void): Promise<Listening> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await listenOnce(endpoint, onConnection);
      } catch (error) {
        if (endpoint.port !== 0 || attempt === BIND_ATTEMPTS) throw listenError(endpoint, error);
      }
    }
  }

  connect(endpoint: Endpoint, options: { timeoutMs: number }): Promise<Connection> {
    return new Promise((resolve, reject) => {
      // Node hands every option on to the stream; its types do not know that.
      const sink: ReadSink = { onRead: () => undefined };
      const socketOptions = { host: endpoint.host, port: endpoint.port, noDelay: true, keepAlive: true, highWaterMark: WRITE_HIGH_WATER_BYTES, onread: onReadOf(sink) };
      const socket = createConnection(socketOptions);
      const timer = setTimeout(() => {
        socket.destroy();
        reject(connectError(endpoint, `no answer within ${options.timeoutMs} ms`));
      }, options.timeoutMs);
      const onError = (error: Error): void => {
        clearTimeout(timer);
        reject(connectError(endpoint, reasonOf(error), error));
      };
      socket.once('error', onError);
      socket.once('connect', () => {
        clearTimeout(timer);
        socket.off('error', onError);
        resolve(new SocketConnection(socket, sink));
      });
    });
  }
}

/**
 * One buffer for the reads of all sockets of this thread: a read and its callback are one synchronous step. Without it each read allocates 64 KiB, and the garbage
 * collector runs hundreds of times per gigabyte. So a chunk is lent to `onData` and must be copied to be kept.
 */
const readBuffer = Buffer.allocUnsafeSlow(READ_BYTES);

/** How a socket hands over what it has read. */
interface ReadSink {
  onRead: (chunk: Uint8Array) => void;
}

function onReadOf(sink: ReadSink): { buffer: Uint8Array; callback: (bytes: number) => boolean } {
  return {
    buffer: readBuffer,
    callback: (bytes) => {
      sink.onRead(readBuffer.subarray(0, bytes));
      return true;
    },
  };
}

/**
 * The accepted socket anew, so that it reads into the shared buffer: Node offers that publicly for outgoing connections only. Where the way is barred the socket is taken
 * as it is, at the cost of an allocation per read.
 */
function readingIntoSharedBuffer(accepted: Socket, sink: ReadSink): Socket {
  const handle = (accepted as unknown as { _handle?: { useUserBuffer?: unknown } | null })._handle;
  if (handle === undefined || handle === null || typeof handle.useUserBuffer !== 'function') {
    accepted.on('data', (chunk: Uint8Array) => sink.onRead(chunk));
    return accepted;
  }
  (accepted as unknown as { _handle: unknown })._handle = null;
  const options: object = { handle, onread: onReadOf(sink), highWaterMark: WRITE_HIGH_WATER_BYTES };
  return new Socket(options);
}

class SocketConnection implements Connection {
  readonly remote: Endpoint;
  readonly local: Endpoint;
  private closeError: Error | undefined;
  onData: (chunk: Uint8Array) => void = () => undefined;
  onDrain: () => void = () => undefined;
  onClose: (error: Error | undefined) => void = () => undefined;

  constructor(
    private readonly socket: Socket,
    sink: ReadSink,
  ) {
    this.remote = { host: plainAddress(socket.remoteAddress), port: socket.remotePort ?? 0 };
    this.local = { host: plainAddress(socket.localAddress), port: socket.localPort ?? 0 };
    sink.onRead = (chunk) => this.onData(chunk);
    socket.on('drain', () => this.onDrain());
    socket.on('error', (error) => (this.closeError = error));
    socket.on('close', () => this.onClose(this.closeError));
  }

  write(chunk: Uint8Array, onTaken?: () => void): boolean {
    return onTaken === undefined ? this.socket.write(chunk) : this.socket.write(chunk, onTaken);
  }
  cork(): void {
    this.socket.cork();
  }
  uncork(): void {
    this.socket.uncork();
  }
  pause(): void {
    this.socket.pause();
  }
  resume(): void {
    this.socket.resume();
  }
  end(): void {
    this.socket.destroySoon();
  }
  destroy(): void {
    this.socket.destroy();
  }
}

async function listenOnce(endpoint: Endpoint, onConnection: (connection: Connection) => void): Promise<Listening> {
  const servers: Server[] = [];
  let port = endpoint.port;
  try {
    for (const host of hostsToBind(endpoint.host)) {
      const server = await bind(host, port, onConnection).catch((error: NodeJS.ErrnoException) => {
        if (servers.length > 0 && isFamilyMissing(error)) return undefined;
        throw error;
      });
      if (server === undefined) continue;
      servers.push(server);
      port = (server.address() as AddressInfo).port;
    }
  } catch (error) {
    await Promise.all(servers.map(closeServer));
    throw error;
  }
  return {
    endpoint: { host: endpoint.host, port },
    close: async () => {
      await Promise.all(servers.map(closeServer));
    },
  };
}

function hostsToBind(host: string): (string | undefined)[] {
  if (host === '') return [undefined];
  return host === 'localhost' ? ['127.0.0.1', '::1'] : [host];
}

function isFamilyMissing(error: NodeJS.ErrnoException): boolean {
  return error.code === 'EADDRNOTAVAIL' || error.code === 'EAFNOSUPPORT';
}

function bind(host: string | undefined, port: number, onConnection: (connection: Connection) => void): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ noDelay: true, keepAlive: true, pauseOnConnect: true, highWaterMark: WRITE_HIGH_WATER_BYTES }, (accepted) => {
      const sink: ReadSink = { onRead: () => undefined };
      const socket = readingIntoSharedBuffer(accepted, sink);
      onConnection(new SocketConnection(socket, sink));
      socket.resume();
    });
    server.once('error', reject);
    server.listen({ host, port, backlog: 511 }, () => {
      server.off('error', reject);
      // A failed accept (out of file descriptors) concerns one peer, never the listener.
      server.on('error', () => undefined);
      resolve(server);
    });
  });
}

/** Does not wait for the open connections, which live on. */
function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close();
    setImmediate(resolve);
  });
}

function listenError(endpoint: Endpoint, cause: unknown): OperationalError {
  const at = `${endpoint.host}:${endpoint.port}`;
  const { code } = cause as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') return new OperationalError('ADDRESS_IN_USE', `${at} is in use by another process`, { cause });
  return new OperationalError('ADDRESS_UNAVAILABLE', `cannot listen on ${at}: ${reasonOf(cause)}`, { cause });
}

function connectError(endpoint: Endpoint, reason: string, cause?: unknown): OperationalError {
  return new OperationalError('CONNECTION_FAILED', `cannot connect to ${endpoint.host}:${endpoint.port}: ${reason}`, { cause, isRetriable: true });
}

/** An AggregateError (both address families tried) has no text of its own. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return errorMessage(error.errors[0]);
  return errorMessage(error);
}

function plainAddress(address: string | undefined): string {
  if (address === undefined) return '';
  return address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
}
