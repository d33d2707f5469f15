import { errorMessage, hasCode, MalformedBytes, OperationalError, type Clock, type Connection, type Endpoint, type Scheduled, type Scheduler, type Transport } from '@millrace/foundation';
import { decodeResponse, encodeRequestFrame, type Api } from '@millrace/protocol';
import { FrameDecoder } from './frame-decoder.js';

export interface BrokerConnectionOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly endpoint: Endpoint;
  readonly clientId: string;
  /** How long the connection may take to come up. */
  readonly connectTimeoutMs: number;
  /** A response that takes longer fails with `REQUEST_TIMED_OUT`, and the connection with it: what comes later could not be told apart. */
  readonly requestTimeoutMs: number;
  /** The largest response that is accepted; 100 MiB when left out. */
  readonly frameBytesMax?: number;
  /** Closes after this time without a request; never when left out. */
  readonly idleMsMax?: number;
}

interface InFlight {
  readonly correlationId: number;
  readonly deadlineMs: number;
  /** `done`: the frame's memory may be used again. */
  readonly onFrame: (frame: Uint8Array) => 'done' | void;
  readonly reject: (error: OperationalError) => void;
}

/**
 * The client side of one connection. Requests are pipelined: they leave in the order of the calls, those of one turn of the event
 * loop in one write, and responses come back in the same order. All errors are OperationalErrors that may be retried elsewhere or later.
 */
export class BrokerConnection {
  private readonly inFlight: InFlight[] = [];
  private readonly decoder: FrameDecoder;
  private nextCorrelationId = 0;
  private timer: Scheduled | undefined;
  private timerAtMs = Number.POSITIVE_INFINITY;
  private readonly idleMsMax: number;
  private lastUseMs: number;
  private isCorked = false;
  private closedBy: OperationalError | undefined;
  /** Called once when the connection is gone, whoever closed it. */
  onClose: (reason: OperationalError) => void = () => undefined;

  static async connect(options: BrokerConnectionOptions): Promise<BrokerConnection> {
    return new BrokerConnection(options, await options.transport.connect(options.endpoint, { timeoutMs: options.connectTimeoutMs }));
  }

  private constructor(
    private readonly options: BrokerConnectionOptions,
    private readonly connection: Connection,
  ) {
    this.lastUseMs = options.clock.monotonicMs();
    this.idleMsMax = options.idleMsMax ?? Number.POSITIVE_INFINITY;
    this.decoder = new FrameDecoder({ frameBytesMax: options.frameBytesMax ?? 104_857_600, frames: 'owned', onFrame: (frame) => this.onFrame(frame) });
    connection.onData = (chunk) => this.onData(chunk);
    connection.onClose = (error) => this.fail(this.error('CONNECTION_CLOSED', error === undefined ? 'closed by the broker' : errorMessage(error), error));
    this.armTimer(this.lastUseMs + this.idleMsMax);
  }

  get isOpen(): boolean {
    return this.closedBy === undefined;
  }

  close(): void {
    this.fail(this.error('CONNECTION_CLOSED', 'closed by this client'));
  }

  /**
   * Sends one request and gives its decoded response; what of it is `bytes` or `records` is a view that this connection never touches again.
   * Rejects with an OperationalError (`CONNECTION_CLOSED`, `REQUEST_TIMED_OUT`, `BAD_RESPONSE`) for the way, with a ProtocolError for a
   * request that the version cannot carry. An error code inside the response is the caller's to read.
   */
  async request<Request, RequestInput, Response, ResponseInput>(
    api: Api<Request, RequestInput, Response, ResponseInput>,
    version: number,
    request: RequestInput,
    options: { readonly timeoutMs?: number } = {},
  ): Promise<Response> {
    const correlationId = this.takeCorrelationId();
    const parts = this.encode(api, version, request, correlationId);
    const frame = await this.exchange<Uint8Array>(parts, correlationId, options.timeoutMs, (resolve) => resolve);
    return this.decoded(api, version, frame);
  }

  /**
   * As `request`, for responses that are large and dealt with on the spot: `take` gets it as soon as it is there, and resolves this with what it returns. What of the response is `bytes` or
   * `records` may be read until then; its memory carries the next one.
   */
  async requestLent<Request, RequestInput, Response, ResponseInput, Result>(
    api: Api<Request, RequestInput, Response, ResponseInput>,
    version: number,
    request: RequestInput,
    take: (response: Response) => Result,
    options: { readonly timeoutMs?: number } = {},
  ): Promise<Result> {
    const correlationId = this.takeCorrelationId();
    const parts = this.encode(api, version, request, correlationId);
    return await this.exchange<Result>(parts, correlationId, options.timeoutMs, (resolve, reject) => (frame) => {
      try {
        resolve(take(this.decoded(api, version, frame)));
      } catch (error) {
        reject(error);
      }
      return 'done';
    });
  }

  /** For a request that has no response (Produce with acks=0). Resolves as soon as the bytes are queued. */
  send<Request, RequestInput, Response, ResponseInput>(api: Api<Request, RequestInput, Response, ResponseInput>, version: number, request: RequestInput): void {
    if (this.closedBy !== undefined) throw this.closedBy;
    this.lastUseMs = this.options.clock.monotonicMs();
    this.write(this.encode(api, version, request, this.takeCorrelationId()));
  }

  private encode<Request, RequestInput, Response, ResponseInput>(api: Api<Request, RequestInput, Response, ResponseInput>, version: number, request: RequestInput, correlationId: number): readonly Uint8Array[] {
    return encodeRequestFrame(api, { apiVersion: version, correlationId, clientId: this.options.clientId, body: request });
  }

  private takeCorrelationId(): number {
    const taken = this.nextCorrelationId;
    this.nextCorrelationId = (taken + 1) & 0x7fffffff;
    return taken;
  }

  private decoded<Request, RequestInput, Response, ResponseInput>(api: Api<Request, RequestInput, Response, ResponseInput>, version: number, frame: Uint8Array): Response {
    try {
      return decodeResponse(api, version, frame).body;
    } catch (error) {
      if (!hasCode(error, 'MALFORMED_BYTES')) throw error;
      const failure = this.error('BAD_RESPONSE', `the response to ${api.name} version ${version} cannot be read: ${errorMessage(error)}`, error);
      this.fail(failure);
      throw failure;
    }
  }

  private exchange<Result>(
    parts: readonly Uint8Array[],
    correlationId: number,
    timeoutMs: number | undefined,
    onFrame: (resolve: (result: Result) => void, reject: (error: unknown) => void) => InFlight['onFrame'],
  ): Promise<Result> {
    if (this.closedBy !== undefined) return Promise.reject(this.closedBy);
    return new Promise((resolve, reject) => {
      this.lastUseMs = this.options.clock.monotonicMs();
      const deadlineMs = this.lastUseMs + (timeoutMs ?? this.options.requestTimeoutMs);
      this.inFlight.push({ correlationId, deadlineMs, onFrame: onFrame(resolve, reject), reject });
      this.write(parts);
      this.armTimer(deadlineMs);
    });
  }

  private write(parts: readonly Uint8Array[]): void {
    if (!this.isCorked) {
      this.isCorked = true;
      this.connection.cork();
      queueMicrotask(() => {
        this.isCorked = false;
        this.connection.uncork();
      });
    }
    for (const part of parts) this.connection.write(part);
  }

  private onData(chunk: Uint8Array): void {
    if (!this.isOpen) return;
    try {
      this.decoder.push(chunk);
    } catch (error) {
      if (!hasCode(error, 'BAD_FRAME') && !hasCode(error, 'MALFORMED_BYTES')) throw error;
      this.fail(this.error('BAD_RESPONSE', errorMessage(error), error));
    }
  }

  private onFrame(frame: Uint8Array): 'done' | void {
    if (!this.isOpen) return undefined;
    const request = this.inFlight.shift();
    if (request === undefined) throw new MalformedBytes('a response came without a request');
    if (frame.length < 4) throw new MalformedBytes(`a response of ${frame.length} bytes has no header`);
    const correlationId = (frame[0]! << 24) | (frame[1]! << 16) | (frame[2]! << 8) | frame[3]!;
    if (correlationId !== request.correlationId) {
      this.inFlight.unshift(request);
      throw new MalformedBytes(`the response to request ${request.correlationId} carries the correlation id ${correlationId}`);
    }
    return request.onFrame(frame);
  }

  /** One timer per connection, for the earliest deadline that it was told of. */
  private armTimer(atMs: number): void {
    if (!this.isOpen || atMs >= this.timerAtMs) return;
    this.timer?.cancel();
    this.timerAtMs = atMs;
    this.timer = this.options.scheduler.after(Math.max(1, Math.ceil(atMs - this.options.clock.monotonicMs())), () => this.onTimer());
  }

  private onTimer(): void {
    this.timerAtMs = Number.POSITIVE_INFINITY;
    const nowMs = this.options.clock.monotonicMs();
    const deadlineMs = this.inFlight.reduce((earliest, it) => Math.min(earliest, it.deadlineMs), Number.POSITIVE_INFINITY);
    const idleAtMs = this.inFlight.length === 0 ? this.lastUseMs + this.idleMsMax : Number.POSITIVE_INFINITY;
    if (deadlineMs <= nowMs) this.fail(this.error('REQUEST_TIMED_OUT', 'no response in time'));
    else if (idleAtMs <= nowMs) this.fail(this.error('CONNECTION_CLOSED', 'idle'));
    else this.armTimer(Math.min(deadlineMs, this.lastUseMs + this.idleMsMax));
  }

  private fail(reason: OperationalError): void {
    if (this.closedBy !== undefined) return;
    this.closedBy = reason;
    this.timer?.cancel();
    this.connection.destroy();
    for (const request of this.inFlight.splice(0)) request.reject(reason);
    this.onClose(reason);
  }

  private error(code: string, text: string, cause?: unknown): OperationalError {
    const { host, port } = this.options.endpoint;
    return new OperationalError(code, `${host}:${port}: ${text}`, { cause, isRetriable: true });
  }
}
