import { promisify } from 'node:util';
import { brotliCompress, constants, deflate, gzip } from 'node:zlib';
import { ConnectError } from '@millrace/connect-api';
import { isSecretHeader } from '../config/header-list.js';
import type { Compression, HttpSinkSettings } from '../config/http-sink-settings.js';
import type { Outcome } from '../schedule/message.js';
import type { RenderedItem } from '../template/message-template.js';
import { targetOf } from '../template/url-template.js';
import { type Exchange, ExchangeError, type ExchangeRequest, type HttpTransport, type PendingExchange } from '../transport/http-transport.js';
import { Classification, EndpointGone } from './classification.js';
import { MessageId } from './message-id.js';
import { itemResults } from './item-results.js';
import { OAuthTokens, TokenRefused } from './oauth-token.js';
import type { Redaction } from './redaction.js';

const compressedWith = { gzip: promisify(gzip), deflate: promisify(deflate), br: promisify(brotliCompress) };
const BROTLI = { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } };

const GONE_KEPT = 10_000;
const USER_AGENT = 'millrace-http-sink';
/** Headers that only the host they were meant for may see; what `isSecretHeader` says of those in `headers` comes to them. */
const PRIVATE_HEADERS = ['authorization', 'cookie', 'proxy-authorization'];

export interface SenderTools {
  readonly transport: HttpTransport;
  readonly redaction: Redaction;
  /** Unix time in milliseconds. */
  readonly now: () => number;
}

/** An attempt under way; `outcome` never rejects. */
export interface Attempt {
  readonly outcome: Promise<Outcome>;
  abort(): void;
}

/** What an attempt sends; of the same message always the same. */
interface EncodedMessage {
  readonly id: string;
  readonly body: Uint8Array | null;
  /** As it is sent: compressed. */
  readonly sent: Uint8Array | null;
}

/** Makes attempts: sends a message once, and says what came of it. */
export class MessageSender {
  private readonly classification: Classification;
  private readonly tokens: OAuthTokens | undefined;
  private readonly gone = new Set<string>();
  private readonly privateHeaders = new Set(PRIVATE_HEADERS);

  constructor(
    private readonly settings: HttpSinkSettings,
    private readonly tools: SenderTools,
  ) {
    const { redaction, now, transport } = tools;
    redaction.add(...settings.secrets);
    this.classification = new Classification({ retryStatuses: settings.retryStatuses, retryAfterMaxMs: settings.retryAfterMaxMs, redaction, now });
    const { authorization, message } = settings;
    for (const { name } of message.headers) if (isSecretHeader(name)) this.privateHeaders.add(name.toLowerCase());
    if (authorization.kind === 'header') this.privateHeaders.add(authorization.name.toLowerCase());
    if (authorization.kind === 'oauth2') this.tokens = new OAuthTokens(authorization.oauth, transport, { classification: this.classification, redaction, now });
  }

  attempt<Item extends { readonly payload: RenderedItem }>(items: readonly Item[]): Attempt {
    const running = new RunningAttempt();
    return { outcome: this.run(items, running), abort: () => running.abort() };
  }

  private async run(items: readonly { readonly payload: RenderedItem }[], running: RunningAttempt): Promise<Outcome> {
    const first = items[0]!.payload;
    const { origin, path } = first.target;
    const endpoint = `${origin}${path.split('?')[0]}`;
    if (this.gone.has(endpoint)) return { kind: 'failed', failure: { kind: 'permanent', error: new EndpointGone(`${first.method} ${origin} is not sent: the endpoint has answered 410`), host: 'neutral' } };
    try {
      const answer = await this.send(first, await this.encode(items, running), running);
      const failure = this.classification.ofAnswer(answer, { method: first.method, origin, isTombstone: first.isTombstone });
      if (failure?.error instanceof EndpointGone) this.remember(endpoint);
      if (failure) return { kind: 'failed', failure };
      return this.settings.batch.isBatching && first.body !== null ? this.ofBatch(answer, items.length, first) : { kind: 'delivered' };
    } catch (error) {
      if (error instanceof TokenRefused) return { kind: 'failed', failure: error.failure };
      return { kind: 'failed', failure: this.classification.ofError(error, { method: first.method, origin }) };
    }
  }

  private ofBatch(answer: Exchange, items: number, { method, target }: RenderedItem): Outcome {
    const { itemResults: mode, results } = this.settings.batch;
    if (mode === 'ignore' || (mode === 'none' && answer.status !== 207)) return { kind: 'delivered' };
    const outcome = mode === 'none' ? 'batch.item.results does not say how to read it' : answer.isTruncated ? 'it is longer than http.response.bytes.max' : itemResults(answer.body, items, results, this.classification);
    if (typeof outcome !== 'string') return outcome;
    return { kind: 'failed', failure: { kind: 'permanent', error: new ConnectError(`${method} ${target.origin} was answered with ${answer.status}, which tells nothing of the ${items} records: ${outcome}`), host: 'ok' } };
  }

  /** With a new token once, if the endpoint does not know the old one any more. */
  private async send(first: RenderedItem, message: EncodedMessage, running: RunningAttempt): Promise<Exchange> {
    for (let isRenewed = false; ; isRenewed = true) {
      const given = this.tokens?.current();
      const token = typeof given === 'string' || given === undefined ? given : await running.waitFor(given);
      const answer = await this.follow(this.request(first, message, token), running);
      if (answer.status !== 401 || token === undefined || isRenewed) return answer;
      this.tokens?.invalidate(token);
    }
  }

  /** Redirects that keep method and body, as far as they are allowed. */
  private async follow(request: ExchangeRequest, running: RunningAttempt): Promise<Exchange> {
    for (let left = this.settings.redirectsMax; ; left--) {
      const answer = await running.wait(this.tools.transport.exchange(request));
      const location = answer.headers.location;
      if (left <= 0 || (answer.status !== 307 && answer.status !== 308) || typeof location !== 'string') return answer;
      const target = redirectTarget(location, request);
      if (target === undefined) return answer;
      const isSameOrigin = target.origin === request.origin;
      request = { ...request, ...target, headers: isSameOrigin ? request.headers : this.withoutPrivate(request.headers) };
    }
  }

  private request(first: RenderedItem, { id, body, sent }: EncodedMessage, token: string | undefined): ExchangeRequest {
    const { settings } = this;
    const { target } = first;
    const headers = ['user-agent', USER_AGENT, ...first.headers];
    if (body !== null) headers.push('content-type', settings.message.contentType);
    if (sent !== body) headers.push('content-encoding', settings.compression);
    if (settings.idHeader !== '') headers.push(settings.idHeader, id);
    if (settings.signer) headers.push(...settings.signer.headers(id, body ?? new Uint8Array(0), this.tools.now()));
    let { path } = target;
    if (token !== undefined) headers.push('authorization', `Bearer ${token}`);
    else if (settings.authorization.kind === 'header') headers.push(settings.authorization.name, settings.authorization.value);
    else if (settings.authorization.kind === 'query') path += `${path.includes('?') ? '&' : '?'}${encodeURIComponent(settings.authorization.name)}=${encodeURIComponent(settings.authorization.value)}`;
    return { origin: target.origin, hostname: target.hostname, path, method: first.method, headers, body: sent };
  }

  /** Made anew for each attempt: a message that waits holds its items and nothing else. */
  private async encode(items: readonly { readonly payload: RenderedItem }[], running: RunningAttempt): Promise<EncodedMessage> {
    const rendered = items.map((it) => it.payload);
    const id = MessageId.ofAll(rendered.map((it) => it.id));
    const body = this.settings.batch.isBatching ? this.joined(rendered) : (rendered[0]?.body ?? null);
    const { compression } = this.settings;
    return { id, body, sent: body === null || compression === 'none' ? body : await running.waitFor(compressed(body, compression)) };
  }

  private joined(items: readonly RenderedItem[]): Uint8Array | null {
    const { prefix, separator, suffix } = this.settings.batch;
    const parts: Uint8Array[] = [prefix];
    for (const [index, { body }] of items.entries()) {
      if (body === null) return null;
      if (index > 0) parts.push(separator);
      parts.push(body);
    }
    parts.push(suffix);
    return Buffer.concat(parts);
  }

  private withoutPrivate(headers: readonly string[]): string[] {
    const kept: string[] = [];
    for (let i = 0; i + 1 < headers.length; i += 2) {
      const name = headers[i] ?? '';
      if (!this.privateHeaders.has(name.toLowerCase())) kept.push(name, headers[i + 1] ?? '');
    }
    return kept;
  }

  private remember(endpoint: string): void {
    if (this.gone.size >= GONE_KEPT) for (const oldest of this.gone) {
      this.gone.delete(oldest);
      break;
    }
    this.gone.add(endpoint);
  }
}

class RunningAttempt {
  private isAborted = false;
  private exchange: PendingExchange | undefined;
  private giveUp: (() => void) | undefined;

  wait(exchange: PendingExchange): Promise<Exchange> {
    this.exchange = exchange;
    if (this.isAborted) exchange.abort();
    return exchange.done;
  }

  /** For what goes on when this attempt is given up: what others wait for as well, or what cannot be stopped. */
  waitFor<T>(shared: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.giveUp = () => reject(new ExchangeError('the request was given up', 'ABORTED'));
      shared.then(resolve, reject);
      if (this.isAborted) this.giveUp();
    });
  }

  abort(): void {
    this.isAborted = true;
    this.exchange?.abort();
    this.giveUp?.();
  }
}

/** Where a redirect leads; undefined where it leads nowhere, or from https to http. */
function redirectTarget(location: string, from: ExchangeRequest): { readonly origin: string; readonly hostname: string; readonly path: string } | undefined {
  let url: URL;
  try {
    url = new URL(location, `${from.origin}${from.path}`);
  } catch {
    return undefined;
  }
  const target = targetOf(url.href);
  if (typeof target === 'string' || (from.origin.startsWith('https:') && !target.origin.startsWith('https:'))) return undefined;
  return target;
}

/** On a thread of its own: the task's goes on. */
function compressed(body: Uint8Array, compression: Exclude<Compression, 'none'>): Promise<Uint8Array> {
  return compression === 'br' ? compressedWith.br(body, BROTLI) : compressedWith[compression](body);
}
