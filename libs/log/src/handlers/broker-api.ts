import type { RequestContext } from '@millrace/network';
import type { AnyApi, Api } from '@millrace/protocol';
import type { BrokerServices } from '../broker/broker-services.js';

/** A response whose bytes go back to a pool once they are sent. */
export class PooledResponse<ResponseInput> {
  constructor(
    readonly response: ResponseInput,
    readonly release: () => void,
  ) {}
}

/** The client asked for no answer (acks=0), and its connection goes on. */
export const NO_ANSWER = Symbol('no answer');

type AnswerNow<ResponseInput> = ResponseInput | PooledResponse<ResponseInput> | typeof NO_ANSWER | undefined;

/** What a handler gives: the response, later or now. Undefined: what would have answered is ending; the connection is closed, for it would carry the next answer in the place of this one. */
export type Answer<ResponseInput> = AnswerNow<ResponseInput> | Promise<AnswerNow<ResponseInput>>;

export type ApiHandler<Request = never, ResponseInput = unknown> = (request: Request, context: RequestContext) => Answer<ResponseInput>;

/**
 * One API of a kind of listener, known before there is anything behind it. The range is what ApiVersions says; versions below the schema's are advertised only (see 00-produce)
 * and refused.
 */
export interface ServedApi<Services> {
  readonly api: AnyApi;
  readonly minVersion: number;
  readonly maxVersion: number;
  /** The next request of this API on a connection begins while the answer of the one before still waits: for handlers that have done all that has an order when they return. */
  readonly isPipelined?: boolean;
  readonly handlerFor: (services: Services) => ApiHandler;
}

/** An API of the listeners for clients and other brokers. */
export type BrokerApi = ServedApi<BrokerServices>;

/** Ties a handler to its schema's types. */
export function brokerApi<Request, RequestInput, Response, ResponseInput>(
  api: Api<Request, RequestInput, Response, ResponseInput>,
  handlerFor: (services: BrokerServices) => ApiHandler<Request, ResponseInput>,
  options: Pick<BrokerApi, 'isPipelined'> = {},
): BrokerApi {
  return { ...servedApi(api, handlerFor), ...options };
}

export function servedApi<Services, Request, RequestInput, Response, ResponseInput>(
  api: Api<Request, RequestInput, Response, ResponseInput>,
  handlerFor: (services: Services) => ApiHandler<Request, ResponseInput>,
): ServedApi<Services> {
  return {
    api: api as unknown as AnyApi,
    minVersion: api.advertisedMinVersion,
    maxVersion: api.advertisedMaxVersion,
    handlerFor: handlerFor as ServedApi<Services>['handlerFor'],
  };
}
