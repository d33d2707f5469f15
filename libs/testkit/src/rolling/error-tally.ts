import { errorMessage, isRetriable } from '@millrace/foundation';

/** The errors that clients met, by client and name, and whether each may be tried again. */
export class ErrorTally {
  private readonly counts = new Map<string, { readonly isRetriable: boolean; count: number }>();

  /** An error of our client. */
  ours(error: unknown): void {
    this.count(`millrace ${nameOf(error)}`, isRetriable(error));
  }

  /** One of kafkajs, made to try nothing again by itself: what it gives up for that reason was to be tried again. */
  kafkaJs(error: unknown): void {
    const { name, retriable, cause } = error as { name?: string; retriable?: boolean; cause?: unknown };
    if (name === 'KafkaJSNumberOfRetriesExceeded') this.count(`kafkajs ${nameOf(cause ?? error)}`, true);
    else if (isConnectionError(cause)) this.count(`kafkajs ${nameOf(cause)}`, true);
    else if (cause !== undefined) this.count(`kafkajs ${nameOf(cause)}: ${errorMessage(cause)}`, false);
    else this.count(`kafkajs ${nameOf(error)}`, retriable === true);
  }

  /** `client name` to how often. */
  seen(): ReadonlyMap<string, number> {
    return new Map([...this.counts].map(([name, it]) => [name, it.count]));
  }

  problems(): string[] {
    return [...this.counts].filter(([, it]) => !it.isRetriable).map(([name, it]) => `not to be tried again: ${name}, ${it.count} times`);
  }

  private count(name: string, mayRetry: boolean): void {
    const known = this.counts.get(name);
    if (known === undefined) this.counts.set(name, { isRetriable: mayRetry, count: 1 });
    else known.count += 1;
  }
}

/** A broker that is not there now: kafkajs itself tries another one, but calls it final where it was the last that it knew. */
function isConnectionError(error: unknown): boolean {
  return typeof error === 'object' && error !== null && (error as { name?: unknown }).name === 'KafkaJSConnectionError';
}

function nameOf(error: unknown): string {
  if (typeof error === 'object' && error !== null) {
    const { type, code, name } = error as { type?: unknown; code?: unknown; name?: unknown };
    if (typeof type === 'string') return type;
    if (typeof code === 'string') return code;
    if (typeof name === 'string' && name !== 'Error') return name;
  }
  return errorMessage(error);
}
