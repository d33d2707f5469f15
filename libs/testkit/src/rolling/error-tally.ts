import { errorMessage, isRetriable } from '@millrace/foundation';

/** The errors that clients met, by client and name, and whether each may be tried again. */
export class ErrorTally {
  private readonly counts = new Map<string, { readonly isRetriable: boolean; count: number }>();

  /** An error of our client. */
  ours(error: unknown): void {
    this.count(`millrace ${nameOf(error)}`, isRetriable(error));
  }

  /**
   * One of kafkajs. What it gave up by its number of attempts was to be tried again, and so is what it wraps as final around an error that is not, such as a connection that was refused:
   * it is told by the innermost cause, as kafkajs itself tells whether a crashed consumer starts again.
   */
  kafkaJs(error: unknown): void {
    const cause = innermost(error);
    this.count(`kafkajs ${nameOf(cause)}`, isGivenUp(error) || (cause as { retriable?: unknown }).retriable === true);
  }

  /** A consumer of kafkajs that did not end when it was told to. */
  kafkaJsLeftBehind(): void {
    this.count('kafkajs consumer left behind', true);
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

/** Of an error within which there may be others; at most ten, as a cause may lead to itself. */
function innermost(error: unknown): object {
  let it: unknown = error;
  for (let depth = 0; depth < 10 && typeof it === 'object' && it !== null && (it as { cause?: unknown }).cause instanceof Error; depth++) it = (it as { cause?: unknown }).cause;
  return typeof it === 'object' && it !== null ? it : new Error(String(it));
}

function isGivenUp(error: unknown): boolean {
  return typeof error === 'object' && error !== null && (error as { name?: unknown }).name === 'KafkaJSNumberOfRetriesExceeded';
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
