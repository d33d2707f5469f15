import { errorMessage, hasCode, type Connection } from '@millrace/foundation';
import { FrameDecoder } from './frame-decoder.js';
import type { ConnectionContext } from './request-context.js';

/** One whole response frame, its length first, in one or more parts. */
export interface ResponseFrameBytes {
  readonly parts: readonly Uint8Array[];
  /** Called once, when the parts are needed no longer: they are sent, or never will be. */
  readonly onSent?: () => void;
}

/** Undefined: nothing is answered (acks=0). */
export type ResponseBytes = ResponseFrameBytes | undefined;

/** What one request frame leads to. */
export type FrameOutcome = { readonly kind: 'respond'; readonly bytes: ResponseBytes } | { readonly kind: 'close'; readonly reason: string };

export interface ConnectionLimits {
  /** socket.request.max.bytes */
  readonly frameBytesMax: number;
  /** Requests that wait behind the one in progress; beyond it the socket is not read. */
  readonly waitingRequestsMax: number;
  readonly waitingBytesMax: number;
  /** Requests of a connection that may wait for their answers at a time, where their kind allows it. */
  readonly pipelinedRequestsMax: number;
  /** A reader that takes nothing for so long is cut off. */
  readonly writeTimeoutMs: number;
}

export interface ServerConnectionOptions {
  readonly connection: Connection;
  readonly context: ConnectionContext;
  readonly limits: ConnectionLimits;
  readonly nowMs: () => number;
  /** May this request begin while others like it wait for their answers? */
  readonly isPipelined: (frame: Uint8Array) => boolean;
  /** The frame is only lent until it returns, also when it returns a promise. */
  readonly handleFrame: (frame: Uint8Array, context: ConnectionContext) => FrameOutcome | Promise<FrameOutcome>;
  readonly onRefused: (reason: string, context: ConnectionContext) => void;
  readonly onClosed: (connection: ServerConnection) => void;
}

/** A request that waits for its answer, in its place among the others. */
interface Begun {
  readonly isPipelined: boolean;
  outcome: FrameOutcome | undefined;
}

/**
 * One client's requests, strictly in order: they begin in it, and their answers leave in it. As in Kafka the next one begins when the one before it has been answered; of those that are
 * `isPipelined` several wait for their answers together. What a chunk of input causes leaves in one write.
 */
export class ServerConnection {
  private readonly decoder: FrameDecoder;
  private readonly waiting: Uint8Array[] = [];
  private readonly begun: Begun[] = [];
  private waitingBytes = 0;
  private isBlockedByReader = false;
  private isPaused = false;
  /** Takes no more requests, and closes once those in progress are answered. */
  private isEnding = false;
  /** Nothing is asked or answered any more; what is queued may still be on its way out. */
  private isEnded = false;
  private isClosed = false;
  private blockedSinceMs = 0;
  private lastActivityMs: number;

  constructor(private readonly options: ServerConnectionOptions) {
    this.decoder = new FrameDecoder({ frameBytesMax: options.limits.frameBytesMax, frames: 'borrowed', onFrame: (frame) => this.onFrame(frame) });
    this.lastActivityMs = options.nowMs();
    const { connection } = options;
    connection.onData = (chunk) => this.onData(chunk);
    connection.onDrain = () => this.onDrain();
    connection.onClose = () => this.onClose();
  }

  get context(): ConnectionContext {
    return this.options.context;
  }

  /** Closes the connection when its time is up: no request for `idleMsMax`, or a reader that takes nothing. */
  expire(nowMs: number, idleMsMax: number): void {
    if (this.isBlockedByReader && nowMs - this.blockedSinceMs > this.options.limits.writeTimeoutMs) {
      this.refuse('the peer does not read its responses');
      this.options.connection.destroy();
    } else if (this.begun.length === 0 && !this.isBlockedByReader && nowMs - this.lastActivityMs > idleMsMax) {
      this.end();
    }
  }

  /** Takes no more requests; closes as soon as what is in progress has been answered. */
  endWhenAnswered(): void {
    this.isEnding = true;
    this.forgetWaiting();
    if (this.begun.length === 0) this.end();
  }

  destroy(): void {
    this.options.connection.destroy();
  }

  private onData(chunk: Uint8Array): void {
    if (this.isEnded) return;
    const { connection } = this.options;
    this.lastActivityMs = this.options.nowMs();
    connection.cork();
    try {
      this.decoder.push(chunk);
    } catch (error) {
      if (!hasCode(error, 'BAD_FRAME')) throw error;
      this.refuse(errorMessage(error));
    } finally {
      connection.uncork();
    }
  }

  private onFrame(frame: Uint8Array): void {
    if (this.isEnded || this.isEnding) return;
    if (this.waiting.length === 0 && this.mayBegin(frame)) {
      this.run(frame);
      return;
    }
    // A copy: `slice` of a Buffer would be a view.
    this.waiting.push(new Uint8Array(frame));
    this.waitingBytes += frame.length;
    const { waitingRequestsMax, waitingBytesMax } = this.options.limits;
    if (!this.isPaused && (this.waiting.length >= waitingRequestsMax || this.waitingBytes >= waitingBytesMax)) {
      this.isPaused = true;
      this.options.connection.pause();
    }
  }

  private mayBegin(frame: Uint8Array): boolean {
    if (this.isBlockedByReader || this.isEnded) return false;
    const { begun } = this;
    if (begun.length === 0) return true;
    return begun.length < this.options.limits.pipelinedRequestsMax && begun.at(-1)?.isPipelined === true && this.options.isPipelined(frame);
  }

  private run(frame: Uint8Array): void {
    const outcome = this.handle(frame);
    const isWaiting = outcome instanceof Promise;
    if (!isWaiting && this.begun.length === 0) {
      this.settle(outcome);
      return;
    }
    const begun: Begun = { isPipelined: this.options.isPipelined(frame), outcome: isWaiting ? undefined : outcome };
    this.begun.push(begun);
    if (!isWaiting) return;
    outcome.then(
      (settled) => this.onSettled(begun, settled),
      (error: unknown) => this.onSettled(begun, { kind: 'close', reason: errorMessage(error) }),
    );
  }

  private handle(frame: Uint8Array): FrameOutcome | Promise<FrameOutcome> {
    try {
      return this.options.handleFrame(frame, this.options.context);
    } catch (error) {
      return { kind: 'close', reason: errorMessage(error) };
    }
  }

  private onSettled(begun: Begun, outcome: FrameOutcome): void {
    begun.outcome = outcome;
    this.lastActivityMs = this.options.nowMs();
    if (this.begun[0] !== begun) return;
    this.options.connection.cork();
    this.answerBegun();
    this.drainWaiting();
    this.options.connection.uncork();
  }

  /** Answers what is due: no answer leaves before one of an earlier request. */
  private answerBegun(): void {
    const waits = this.begun.findIndex((it) => it.outcome === undefined);
    for (const { outcome } of this.begun.splice(0, waits === -1 ? this.begun.length : waits)) if (outcome !== undefined) this.settle(outcome);
    if (this.isEnding && this.begun.length === 0) this.end();
  }

  private settle(outcome: FrameOutcome): void {
    if (this.isEnded) {
      if (outcome.kind === 'respond') outcome.bytes?.onSent?.();
    } else if (outcome.kind === 'close') {
      this.refuse(outcome.reason);
    } else if (outcome.bytes !== undefined) {
      this.write(outcome.bytes);
    }
  }

  private write({ parts, onSent }: ResponseFrameBytes): void {
    const { connection } = this.options;
    let isBelowHighWater = true;
    const last = parts.length - 1;
    parts.forEach((part, i) => (isBelowHighWater = i === last && onSent !== undefined ? connection.write(part, onSent) : connection.write(part)));
    if (!isBelowHighWater) this.waitForReader();
  }

  private waitForReader(): void {
    if (this.isBlockedByReader) return;
    this.isBlockedByReader = true;
    this.blockedSinceMs = this.options.nowMs();
  }

  private onDrain(): void {
    if (!this.isBlockedByReader || this.isEnded) return;
    this.isBlockedByReader = false;
    this.lastActivityMs = this.options.nowMs();
    this.options.connection.cork();
    this.drainWaiting();
    this.options.connection.uncork();
  }

  private drainWaiting(): void {
    let taken = 0;
    for (const frame of this.waiting) {
      if (!this.mayBegin(frame)) break;
      taken += 1;
      this.waitingBytes -= frame.length;
      this.run(frame);
    }
    this.waiting.splice(0, taken);
    if (this.isPaused && this.waiting.length < this.options.limits.waitingRequestsMax / 2 && this.waitingBytes < this.options.limits.waitingBytesMax) {
      this.isPaused = false;
      this.options.connection.resume();
    }
  }

  private refuse(reason: string): void {
    if (this.isEnded) return;
    this.options.onRefused(reason, this.options.context);
    this.end();
  }

  /** What is queued still leaves, in the time that a reader has for it: until then the connection counts as open. */
  private end(): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.forgetWaiting();
    this.waitForReader();
    this.options.connection.end();
  }

  private onClose(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.isEnded = true;
    this.forgetWaiting();
    this.options.onClosed(this);
  }

  private forgetWaiting(): void {
    this.waiting.length = 0;
    this.waitingBytes = 0;
  }
}
