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
  /** A reader that takes nothing for so long is cut off. */
  readonly writeTimeoutMs: number;
}

export interface ServerConnectionOptions {
  readonly connection: Connection;
  readonly context: ConnectionContext;
  readonly limits: ConnectionLimits;
  readonly nowMs: () => number;
  /** The frame is only lent until it returns, also when it returns a promise. */
  readonly handleFrame: (frame: Uint8Array, context: ConnectionContext) => FrameOutcome | Promise<FrameOutcome>;
  readonly onRefused: (reason: string, context: ConnectionContext) => void;
  readonly onClosed: (connection: ServerConnection) => void;
}

/**
 * One client's requests, strictly in order: as in Kafka the next request of a connection starts when the one before it has been
 * answered, so responses and appends keep the order of requests. What a chunk of input causes leaves in one write.
 */
export class ServerConnection {
  private readonly decoder: FrameDecoder;
  private readonly waiting: Uint8Array[] = [];
  private waitingBytes = 0;
  private isBusy = false;
  private isBlockedByReader = false;
  private isPaused = false;
  private isClosed = false;
  private isEnding = false;
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
    } else if (!this.isBusy && !this.isBlockedByReader && nowMs - this.lastActivityMs > idleMsMax) {
      this.options.connection.end();
    }
  }

  /** Takes no more requests; closes as soon as the one in progress has been answered. */
  endWhenAnswered(): void {
    this.isEnding = true;
    this.waiting.length = 0;
    if (!this.isBusy) this.options.connection.end();
  }

  destroy(): void {
    this.options.connection.destroy();
  }

  private onData(chunk: Uint8Array): void {
    if (this.isClosed) return;
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
    if (this.isClosed || this.isEnding) return;
    if (!this.isBusy && !this.isBlockedByReader && this.waiting.length === 0) {
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

  private run(frame: Uint8Array): void {
    let outcome: FrameOutcome | Promise<FrameOutcome>;
    try {
      outcome = this.options.handleFrame(frame, this.options.context);
    } catch (error) {
      this.refuse(errorMessage(error));
      return;
    }
    if (!(outcome instanceof Promise)) {
      this.settle(outcome);
      return;
    }
    this.isBusy = true;
    outcome.then(
      (settled) => {
        this.isBusy = false;
        this.lastActivityMs = this.options.nowMs();
        this.options.connection.cork();
        this.settle(settled);
        this.drainWaiting();
        this.options.connection.uncork();
      },
      (error: unknown) => {
        this.isBusy = false;
        this.refuse(errorMessage(error));
      },
    );
  }

  private settle(outcome: FrameOutcome): void {
    if (this.isClosed) {
      if (outcome.kind === 'respond') outcome.bytes?.onSent?.();
      return;
    }
    if (outcome.kind === 'close') {
      this.refuse(outcome.reason);
      return;
    }
    if (outcome.bytes !== undefined) this.write(outcome.bytes);
    if (this.isEnding) this.options.connection.end();
  }

  private write({ parts, onSent }: ResponseFrameBytes): void {
    const { connection } = this.options;
    let isBelowHighWater = true;
    const last = parts.length - 1;
    parts.forEach((part, i) => (isBelowHighWater = i === last && onSent !== undefined ? connection.write(part, onSent) : connection.write(part)));
    if (isBelowHighWater || this.isBlockedByReader) return;
    this.isBlockedByReader = true;
    this.blockedSinceMs = this.options.nowMs();
  }

  private onDrain(): void {
    if (!this.isBlockedByReader) return;
    this.isBlockedByReader = false;
    this.lastActivityMs = this.options.nowMs();
    if (this.isBusy) return;
    this.options.connection.cork();
    this.drainWaiting();
    this.options.connection.uncork();
  }

  private drainWaiting(): void {
    let taken = 0;
    while (taken < this.waiting.length && !this.isBusy && !this.isBlockedByReader && !this.isClosed) {
      const frame = this.waiting[taken]!;
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
    if (this.isClosed) return;
    this.options.onRefused(reason, this.options.context);
    this.options.connection.end();
    this.onClose();
  }

  private onClose(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.waiting.length = 0;
    this.waitingBytes = 0;
    this.options.onClosed(this);
  }
}
