import { Agent, type buildConnector, type Dispatcher, ProxyAgent } from 'undici';
import type { AddressRules } from './address-rules.js';
import { AddressRefused, guardedConnector } from './guarded-connector.js';

export interface TransportSettings {
  readonly connections: number;
  readonly connectTimeoutMs: number;
  readonly headersTimeoutMs: number;
  readonly bodyTimeoutMs: number;
  /** Of one exchange from its start to its last byte. */
  readonly requestTimeoutMs: number;
  readonly keepAliveMs: number;
  /** So many bytes of an answer are read; the rest is left. */
  readonly responseBytesMax: number;
  readonly allowHttp2: boolean;
  /** Options of `tls.connect`. */
  readonly tls: Readonly<Record<string, unknown>>;
  readonly proxy: { readonly uri: string; readonly token: string | undefined } | undefined;
}

export interface ExchangeRequest {
  readonly origin: string;
  readonly hostname: string;
  readonly path: string;
  readonly method: string;
  /** Name, value, name, value … */
  readonly headers: string[];
  readonly body: Uint8Array | null;
}

export interface Exchange {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Uint8Array;
  /** The answer was longer than what is read of one. */
  readonly isTruncated: boolean;
}

/** No answer, or none in time. `code` is of the socket, of DNS, of TLS or of undici. */
export class ExchangeError extends Error {
  override readonly name = 'ExchangeError';
  constructor(
    message: string,
    readonly code: string,
  ) {
    super(message);
  }
}

/** An exchange that can be ended early. */
export interface PendingExchange {
  readonly done: Promise<Exchange>;
  abort(): void;
}

/** HTTP requests over pools of kept connections. */
export class HttpTransport {
  private readonly dispatcher: Dispatcher;

  constructor(
    private readonly settings: TransportSettings,
    private readonly rules: AddressRules,
  ) {
    const { connections, keepAliveMs, allowHttp2, proxy } = settings;
    const pool = { connections, keepAliveTimeout: keepAliveMs, keepAliveMaxTimeout: Math.max(keepAliveMs, 600_000), headersTimeout: settings.headersTimeoutMs, bodyTimeout: settings.bodyTimeoutMs, pipelining: 1, allowH2: allowHttp2, maxHeaderSize: 64 << 10 };
    const connect = { ...settings.tls, timeout: settings.connectTimeoutMs, allowH2: allowHttp2 } as buildConnector.BuildOptions;
    this.dispatcher = proxy
      ? new ProxyAgent({ ...pool, uri: proxy.uri, ...(proxy.token !== undefined && { token: proxy.token }), requestTls: connect })
      : new Agent({ ...pool, connect: guardedConnector(rules, connect) });
  }

  /** Never rejects but with ExchangeError or AddressRefused. */
  exchange(request: ExchangeRequest): PendingExchange {
    const refusal = this.rules.refusesHost(request.hostname);
    if (refusal !== undefined) return { done: Promise.reject(new AddressRefused(refusal)), abort: () => undefined };
    const run = new RunningExchange(this.settings);
    const { origin, path, method, headers, body } = request;
    try {
      this.dispatcher.dispatch({ origin, path, method: method as Dispatcher.HttpMethod, headers, body: body === null ? null : Buffer.from(body.buffer, body.byteOffset, body.byteLength) }, run);
    } catch (error) {
      run.onResponseError(null, error as Error);
    }
    return run;
  }

  /** Ends everything that is still on its way. */
  async close(): Promise<void> {
    await this.dispatcher.destroy();
  }
}

class RunningExchange implements PendingExchange, Dispatcher.DispatchHandler {
  readonly done: Promise<Exchange>;
  private resolve!: (exchange: Exchange) => void;
  private reject!: (error: Error) => void;
  private controller: Dispatcher.DispatchController | undefined;
  private status = 0;
  private headers: Exchange['headers'] = {};
  private readonly chunks: Uint8Array[] = [];
  private length = 0;
  private isOver = false;
  private readonly timer: NodeJS.Timeout;

  constructor(private readonly settings: TransportSettings) {
    this.done = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.timer = setTimeout(() => this.end(new ExchangeError(`no complete answer within ${settings.requestTimeoutMs} ms`, 'REQUEST_TIMEOUT')), settings.requestTimeoutMs);
  }

  abort(): void {
    this.end(new ExchangeError('the request was given up', 'ABORTED'));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    if (this.isOver) controller.abort(new ExchangeError('the request was given up', 'ABORTED'));
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: Exchange['headers']): void {
    if (status < 200) return;
    this.status = status;
    this.headers = headers;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    if (this.isOver) return;
    const room = this.settings.responseBytesMax - this.length;
    this.chunks.push(chunk.length > room ? chunk.subarray(0, room) : chunk);
    this.length += Math.min(room, chunk.length);
    // The status is all that matters by now; the connection is not kept for the rest of an endless answer.
    if (chunk.length > room) this.end(undefined, true);
  }

  onResponseEnd(): void {
    this.end(undefined);
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    this.end(error instanceof AddressRefused ? error : new ExchangeError(describe(error), codeOf(error)));
  }

  private end(error: Error | undefined, isTruncated = false): void {
    if (this.isOver) return;
    this.isOver = true;
    clearTimeout(this.timer);
    if (error || isTruncated) this.controller?.abort(error ?? new ExchangeError('the rest of the answer is not read', 'TRUNCATED'));
    if (error) return this.reject(error);
    const [only] = this.chunks;
    this.resolve({ status: this.status, headers: this.headers, body: this.chunks.length === 1 && only ? only : Buffer.concat(this.chunks), isTruncated });
  }
}

function codeOf(error: Error): string {
  const { code } = error as { code?: unknown };
  if (typeof code === 'string') return code;
  if (error instanceof AggregateError) for (const it of error.errors) if (it instanceof Error) return codeOf(it);
  return error.cause instanceof Error ? codeOf(error.cause) : 'UNKNOWN';
}

/** Messages of sockets name addresses at most. */
function describe(error: Error): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map((it) => (it instanceof Error ? it.message : String(it))).join('; ');
  return error.message;
}
