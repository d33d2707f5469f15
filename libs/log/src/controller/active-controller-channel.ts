import { isRetriable, OperationalError, type BrokerId, type Clock } from '@millrace/foundation';
import { Envelope, type Api } from '@millrace/protocol';
import type { PeerConnections } from '../node/peer-connections.js';
import type { RequestDispatcher } from '../request-dispatcher.js';
import type { ControllerChannel, ControllerRequestOptions } from './controller-channel.js';
import { enveloped, fromEnvelope } from './envelope.js';
import { isFromInactive } from './inactive-answer.js';
import { askLocalController } from './local-controller.js';
import type { ActiveController, LeaderWatch } from './leader-watch.js';

const TIMEOUT_MS = 30_000;
const PAUSE_MS = 20;
const PAUSE_MS_MAX = 500;

export interface ActiveControllerChannelOptions {
  readonly nodeId: BrokerId;
  readonly watch: LeaderWatch;
  readonly clock: Clock;
  readonly peers: PeerConnections;
  /** Requests of one lane are answered one after the other. */
  readonly lane: string;
  /** What answers when this node is the active controller; undefined without the role. */
  readonly local: () => RequestDispatcher | undefined;
}

/** Asks the controller that is active now; goes on to the next one when it is not, or when another takes its place meanwhile. */
export class ActiveControllerChannel implements ControllerChannel {
  private isClosed = false;

  constructor(private readonly options: ActiveControllerChannelOptions) {}

  async request<Request, RequestInput, Response, ResponseInput>(api: Api<Request, RequestInput, Response, ResponseInput>, body: RequestInput, options: ControllerRequestOptions = {}): Promise<Response> {
    const { watch, clock } = this.options;
    const deadlineMs = clock.monotonicMs() + (options.timeoutMs ?? TIMEOUT_MS);
    for (let pauseMs = PAUSE_MS; !this.isClosed; pauseMs = Math.min(pauseMs * 2, PAUSE_MS_MAX)) {
      const leftMs = deadlineMs - clock.monotonicMs();
      if (leftMs <= 0) break;
      const asked = watch.current;
      const response = await this.ask(asked, api, body, { ...options, timeoutMs: leftMs });
      if (response !== undefined && !isFromInactive(response, api.apiKey)) return response;
      // It may be known by now who is active.
      if (watch.current.leaderEpoch === asked.leaderEpoch && watch.current.isLocal === asked.isLocal) await watch.changed(Math.min(pauseMs, leftMs)).promise;
    }
    throw new OperationalError('NO_CONTROLLER', `no active controller has answered ${api.name} in time`, { isRetriable: true });
  }

  close(): void {
    this.isClosed = true;
    this.options.watch.change({});
  }

  /** Undefined: nobody to ask, or no answer. */
  private async ask<Request, RequestInput, Response, ResponseInput>(
    controller: ActiveController,
    api: Api<Request, RequestInput, Response, ResponseInput>,
    body: RequestInput,
    options: ControllerRequestOptions & { readonly timeoutMs: number },
  ): Promise<Response | undefined> {
    const { nodeId, local, peers, lane } = this.options;
    if (controller.leaderId === nodeId) {
      const dispatcher = local();
      if (!controller.isLocal || dispatcher === undefined) return undefined;
      return await this.unlessReplaced(controller, askLocalController(dispatcher, api, body, options), options.timeoutMs);
    }
    const { endpoint } = controller;
    if (endpoint === undefined) return undefined;
    const { forwarded, timeoutMs } = options;
    const asked =
      forwarded === undefined
        ? peers.request({ endpoint, lane }, api, body, { timeoutMs })
        : peers.request({ endpoint, lane }, Envelope, enveloped(api, body, forwarded), { timeoutMs }).then((it) => fromEnvelope(api, forwarded.apiVersion, it));
    const answer = asked.catch((error: unknown) => {
      if (!isRetriable(error)) throw error;
      return undefined;
    });
    return await this.unlessReplaced(controller, answer, timeoutMs);
  }

  /** A controller that is frozen does not answer, nor does one that cannot commit; the next one does. */
  private async unlessReplaced<Response>(controller: ActiveController, answer: Promise<Response | undefined>, timeoutMs: number): Promise<Response | undefined> {
    const { watch, clock } = this.options;
    const settled = answer.then((value) => ({ value }));
    settled.catch(() => undefined);
    const deadlineMs = clock.monotonicMs() + timeoutMs;
    for (;;) {
      const change = watch.changed(Math.max(0, deadlineMs - clock.monotonicMs()));
      const first = await Promise.race([settled, change.promise]);
      change.cancel();
      if (first !== undefined) return first.value;
      if (watch.current.leaderEpoch !== controller.leaderEpoch || this.isClosed || clock.monotonicMs() >= deadlineMs) return undefined;
    }
  }
}
