import type { RequestContext } from '@millrace/network';
import type { Api } from '@millrace/protocol';

export interface ControllerRequestOptions {
  /** How long an active controller is looked for, its answer included. 30 s when left out. */
  readonly timeoutMs?: number;
  /** The request is a client's own and is passed on, in its version and with who asked. Left out: this node asks, in the newest version that both know. */
  readonly forwarded?: RequestContext;
}

/**
 * The way from a broker to the active controller, wherever that is: in this process or behind a connection.
 *
 * A controller that is active no longer is left for the one that is, as long as the time lasts. What was asked may then have been done by the one before, as with any request
 * whose answer is lost: callers send what may be repeated, or what carries the state that it expects (AlterPartition).
 */
export interface ControllerChannel {
  /** Rejects with a retriable OperationalError, code `NO_CONTROLLER`, when none has answered in time. An error code inside the response is the caller's to read; it is not NOT_CONTROLLER. */
  request<Request, RequestInput, Response, ResponseInput>(api: Api<Request, RequestInput, Response, ResponseInput>, body: RequestInput, options?: ControllerRequestOptions): Promise<Response>;
}
