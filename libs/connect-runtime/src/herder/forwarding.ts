import { errorMessage } from '@millrace/foundation';
import type { Forward, ForwardRequest, RequestOrigin } from '../rest/connect-api.js';
import { conflict, ConnectRestError } from '../rest/rest-error.js';

const REQUEST_TIMEOUT_MS = 90_000;

export interface ForwardCall {
  readonly method: ForwardRequest['method'];
  /** Below the worker's URL, encoded: `/connectors/a%20b/config`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** Passes requests on to the worker that must act on them: at most two hops. */
export class Forwarder {
  constructor(private readonly forward: Forward) {}

  /** The answer's JSON, undefined for an empty one. Throws what the other worker refused with, or 409 when it is not known where to go. */
  async send(url: string | undefined, call: ForwardCall, origin: RequestOrigin): Promise<unknown> {
    if (origin.forward === false) throw conflict('Cannot complete request because of a conflicting operation (e.g. worker rebalance)');
    if (url === undefined) throw conflict('Cannot complete request momentarily due to no known leader URL, likely because a rebalance was underway.');
    const query = new URLSearchParams({ forward: String(origin.forward === undefined), ...call.query });
    const response = await this.call(`${url.replace(/\/$/, '')}${call.path}?${query.toString()}`, call, origin);
    if (response.status >= 400) throw refusalOf(response.status, response.body);
    if (response.body === '') return undefined;
    return JSON.parse(response.body) as unknown;
  }

  private async call(url: string, call: ForwardCall, origin: RequestOrigin): Promise<{ status: number; body: string }> {
    const headers: Record<string, string> = { accept: 'application/json', 'user-agent': 'kafka-connect', ...call.headers };
    if (call.body !== undefined) headers['content-type'] = 'application/json';
    if (origin.authorization !== undefined) headers.authorization = origin.authorization;
    try {
      return await this.forward({ method: call.method, url, headers, body: call.body, timeoutMs: call.timeoutMs ?? REQUEST_TIMEOUT_MS });
    } catch (error) {
      throw new ConnectRestError('INTERNAL', 500, `IO Error trying to forward REST request: ${errorMessage(error)}`, { cause: error });
    }
  }
}

function refusalOf(status: number, body: string): ConnectRestError {
  let message = `The worker answered with status ${status}`;
  try {
    const json = JSON.parse(body) as { message?: unknown };
    if (typeof json.message === 'string') message = json.message;
  } catch {
    // Not JSON: a proxy's page. The status says enough.
  }
  return new ConnectRestError('FORWARDED', status, message);
}
