import { OperationalError } from '@millrace/foundation';

export type JobStoreKind = 'memory' | 'postgresql' | 'redis';

/** Where jobs are kept. */
export interface JobStoreSettings {
  readonly kind: Exclude<JobStoreKind, 'memory'>;
  /** With its password: never shown. */
  readonly url: URL;
  /** Workers of one group share one queue. */
  readonly queueName: string;
}

const KINDS: Readonly<Record<string, JobStoreSettings['kind']>> = { 'postgresql:': 'postgresql', 'postgres:': 'postgresql', 'redis:': 'redis', 'rediss:': 'redis' };

/** By the setting `jobs.store.url`; undefined when there is none. Throws OperationalError without the value: it may hold a password. */
export function jobStoreSettings(config: Readonly<Record<string, string>>): JobStoreSettings | undefined {
  const text = config['jobs.store.url']?.trim();
  if (!text) return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const kind = url && KINDS[url.protocol];
  if (!url || !kind || url.hostname === '') throw new OperationalError('CONFIG_JOBS', 'Invalid value for configuration jobs.store.url: expected postgresql://user:password@host:port/database or redis://host:port/number');
  return { kind, url, queueName: `connect-${encodeURIComponent(config['group.id'] ?? '')}` };
}

/** For the log: where the store is, without who asks. */
export function placeOf({ url }: JobStoreSettings): string {
  return `${url.protocol}//${url.host}${url.pathname}`;
}

/** A text of the driver's, without the password. */
export function withoutPassword(text: string, { url }: JobStoreSettings): string {
  const secrets = [url.password, safelyDecoded(url.password)].filter((it) => it !== '');
  return secrets.reduce((result, secret) => result.replaceAll(secret, '[hidden]'), text);
}

export function safelyDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
