import { ConnectError } from '@millrace/connect-api';
import type { StatusCodes } from '../config/status-codes.js';
import type { Failure } from '../schedule/message.js';
import { ExchangeError, type Exchange } from '../transport/http-transport.js';
import { AddressRefused } from '../transport/guarded-connector.js';
import type { Redaction } from './redaction.js';
import { retryAfterMs } from './retry-after.js';

const SNIPPET_MAX = 256;

export interface ClassificationSettings {
  readonly retryStatuses: StatusCodes;
  readonly retryAfterMaxMs: number;
  readonly redaction: Redaction;
  readonly now: () => number;
}

/** The endpoint said 410: nothing is sent to it any more. */
export class EndpointGone extends ConnectError {
  override readonly code = 'ENDPOINT_GONE';
}

/** What an answer, or none, means for a request. */
export class Classification {
  constructor(private readonly settings: ClassificationSettings) {}

  /** Null: delivered. */
  ofAnswer(exchange: Exchange, request: { readonly method: string; readonly origin: string; readonly isTombstone: boolean }): Failure | null {
    const { status } = exchange;
    if (status >= 200 && status < 300) return null;
    const { method, origin } = request;
    // What is not there (any more) is deleted.
    if (request.isTombstone && method === 'DELETE' && (status === 404 || status === 410)) return null;
    const text = `${method} ${origin} was answered with ${status}${this.snippet(exchange)}`;
    if (status === 410) return { kind: 'permanent', error: new EndpointGone(`${text}: the endpoint is gone and gets no more requests`), host: 'ok' };
    return this.ofStatus(status, text, exchange.headers['retry-after']);
  }

  /** The failure of one status that is not a success. */
  ofStatus(status: number, text: string, retryAfter?: string | string[]): Failure {
    const error = new ConnectError(text);
    const isRetried = this.settings.retryStatuses.has(status);
    if (status === 413) return { kind: 'too-large', mayFitLater: isRetried, error, host: 'ok' };
    if (!isRetried) return { kind: 'permanent', error, host: 'ok' };
    const asked = retryAfterMs(retryAfter, this.settings.now(), this.settings.retryAfterMaxMs);
    const isThrottled = status === 429 || status === 503;
    return { kind: 'transient', error, host: isThrottled ? 'throttled' : status >= 500 ? 'down' : 'ok', ...(asked !== undefined && { retryAfterMs: asked }) };
  }

  ofError(error: unknown, request: { readonly method: string; readonly origin: string }): Failure {
    if (error instanceof AddressRefused) return { kind: 'permanent', error: new ConnectError(`${request.method} ${request.origin} is refused: ${error.message}`), host: 'neutral' };
    const code = error instanceof ExchangeError ? error.code : 'UNKNOWN';
    const message = error instanceof Error ? error.message : String(error);
    const failure = new ConnectError(this.settings.redaction.apply(`${request.method} ${request.origin} failed: ${message} (${code})`));
    if (code === 'ABORTED') return { kind: 'aborted', error: failure, host: 'neutral' };
    // A request that cannot be written down will never be.
    if (code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_NOT_SUPPORTED') return { kind: 'permanent', error: failure, host: 'neutral' };
    return { kind: 'transient', error: failure, host: 'down' };
  }

  private snippet({ body }: Exchange): string {
    if (body.length === 0) return '';
    const text = Buffer.from(body.buffer, body.byteOffset, Math.min(body.byteLength, SNIPPET_MAX * 4)).toString('utf8');
    // Redacted before it is cut: a secret that is cut in two is still one.
     
    const clean = this.settings.redaction.apply(text).replace(/[\s\u0000-\u001f\u007f]+/g, ' ').trim();
    return clean === '' ? '' : `: ${clean.slice(0, SNIPPET_MAX)}`;
  }
}
