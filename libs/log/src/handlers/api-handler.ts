import type { RequestContext } from '@millrace/network';
import type { AnyApi, Api } from '@millrace/protocol';

/** A response whose bytes go back to a pool once they are sent. */
export class PooledResponse<ResponseInput> {
  constructor(
    readonly response: ResponseInput,
    readonly release: () => void,
  ) {}
}

/** What a handler gives: the response, later or now; undefined answers nothing (acks=0). */
export type Answer<ResponseInput> = ResponseInput | PooledResponse<ResponseInput> | undefined | Promise<ResponseInput | PooledResponse<ResponseInput> | undefined>;

/** One API of the broker. The range is what ApiVersions says; versions below the schema's are advertised only (see 00-produce) and refused. */
export interface ApiHandler {
  readonly api: AnyApi;
  readonly minVersion: number;
  readonly maxVersion: number;
  readonly handle: (request: never, context: RequestContext) => Answer<unknown>;
}

/** Ties a handler to its schema's types. `maxVersion` holds a newer version back until it passes. */
export function apiHandler<Request, RequestInput, Response, ResponseInput>(
  api: Api<Request, RequestInput, Response, ResponseInput>,
  handle: (request: Request, context: RequestContext) => Answer<ResponseInput>,
  options: { readonly maxVersion?: number } = {},
): ApiHandler {
  return {
    api: api as unknown as AnyApi,
    minVersion: api.advertisedMinVersion,
    maxVersion: Math.min(api.advertisedMaxVersion, options.maxVersion ?? api.advertisedMaxVersion),
    handle: handle as ApiHandler['handle'],
  };
}
