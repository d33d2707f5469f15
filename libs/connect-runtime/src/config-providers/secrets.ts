import type { ConnectLogger } from '@millrace/connect-api';
import type { Logger, LogFields } from '@millrace/foundation';

/** Shorter values would be found everywhere by chance. */
const LENGTH_MIN = 4;

/** Values that must not be shown: `hide` puts the references back in their place. */
export class Secrets {
  private readonly references = new Map<string, string>();
  private longestFirst: readonly (readonly [string, string])[] | undefined;

  add(value: string, reference: string): void {
    const text = value.trim();
    if (text.length >= LENGTH_MIN) this.references.set(text, reference);
    this.longestFirst = undefined;
  }

  addAll(others: Secrets): void {
    for (const [value, reference] of others.references) this.references.set(value, reference);
    this.longestFirst = undefined;
  }

  /** Plain data, for another thread. */
  entries(): [string, string][] {
    return [...this.references];
  }

  static of(entries: readonly (readonly [string, string])[]): Secrets {
    const secrets = new Secrets();
    for (const [value, reference] of entries) secrets.references.set(value, reference);
    return secrets;
  }

  get isEmpty(): boolean {
    return this.references.size === 0;
  }

  /** Longer values first: one may begin another. */
  hide(text: string): string {
    let shown = text;
    this.longestFirst ??= [...this.references].sort(([a], [b]) => b.length - a.length);
    for (const [value, reference] of this.longestFirst) if (shown.includes(value)) shown = shown.replaceAll(value, () => reference);
    return shown;
  }

  /** A logger whose lines say nothing of them. */
  logger<T extends Logger | ConnectLogger>(inner: T): T {
    if (this.isEmpty) return inner;
    const line =
      (level: 'trace' | 'debug' | 'info' | 'warn' | 'error') =>
      (fields: LogFields, message: string): void =>
        inner[level](this.hideIn(fields) as LogFields, this.hide(message));
    const hidden = { trace: line('trace'), debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
    return ('child' in inner ? { ...hidden, child: (fields: LogFields) => this.logger(inner.child(this.hideIn(fields) as LogFields)) } : hidden) as T;
  }

  private hideIn(value: unknown): unknown {
    if (typeof value === 'string') return this.hide(value);
    if (value instanceof Error) return this.hide(value.message);
    if (Array.isArray(value)) return value.map((it) => this.hideIn(it));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, it]) => [name, this.hideIn(it)]));
  }
}
