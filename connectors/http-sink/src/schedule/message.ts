import type { Lane } from './lane.js';
import type { MessageItem } from './message-item.js';

/** One or several items under one id: an attempt sends them in one request; they are tried again and given up together, unless the endpoint answers for each. */
export class Message<T> {
  /** What is left of a message that was too large: messages of their own, which follow one after the other while its lanes are held. */
  readonly later: MessageItem<T>[][] = [];
  /** Attempts that have ended in a failure. */
  failures = 0;
  /** Rejections of it that are being reported. */
  openReports = 0;
  firstStartedMs = 0;
  startedMs = 0;

  constructor(
    public items: MessageItem<T>[],
    readonly lanes: readonly Lane<T>[],
    readonly groupKey: string,
    readonly hostKey: string,
  ) {}
}

/** Why an attempt did not deliver. */
export interface Failure {
  /**
   * transient: try again. permanent: it will never work for these items. too-large: fewer at once may work.
   * fatal: it will not work for any item. aborted: we ended it ourselves.
   */
  readonly kind: 'transient' | 'permanent' | 'too-large' | 'fatal' | 'aborted';
  /** Of what is too large: an item alone is tried again, as the endpoint may have room later. */
  readonly mayFitLater?: boolean;
  readonly error: Error;
  readonly host: 'ok' | 'throttled' | 'down' | 'neutral';
  /** What the endpoint asked for, already bounded. */
  readonly retryAfterMs?: number;
}

/** How an attempt ended; `itemized`: an answer for each item, null where it was accepted. */
export type Outcome = { readonly kind: 'delivered' } | { readonly kind: 'failed'; readonly failure: Failure } | { readonly kind: 'itemized'; readonly results: readonly (Failure | null)[] };

export interface Rejection<T> {
  readonly item: MessageItem<T>;
  readonly failure: Failure;
}
