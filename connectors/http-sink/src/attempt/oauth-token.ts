import { ConnectError } from '@millrace/connect-api';
import type { Failure } from '../schedule/message.js';
import { type ExchangeRequest, type HttpTransport } from '../transport/http-transport.js';
import type { Classification } from './classification.js';
import type { Redaction } from './redaction.js';

export interface OAuthSettings {
  readonly tokenUrl: { readonly origin: string; readonly hostname: string; readonly path: string };
  readonly clientId: string;
  readonly clientSecret: string;
  readonly clientIdProperty: string;
  readonly clientSecretProperty: string;
  readonly grantTypeProperty: string;
  readonly grantType: string;
  readonly scope: string | undefined;
  /** Where client id and secret go: in an Authorization header, or in the form. */
  readonly clientIn: 'header' | 'form';
  readonly tokenProperty: string;
  readonly headers: readonly string[];
}

/** No token could be had; `failure` tells whether it may work later. */
export class TokenRefused extends ConnectError {
  override readonly code = 'TOKEN_REFUSED';
  constructor(readonly failure: Failure) {
    super(failure.error.message);
  }
}

/** A token is renewed when this part of its life is over, and at least so long before its end. */
const LIFE_USED = 0.9;
const MARGIN_MS = 30_000;
const TOKENS_HIDDEN = 2;

/** Tokens of the client credentials grant: kept, renewed before they end, asked for once however many requests wait. */
export class OAuthTokens {
  private token: { readonly text: string; readonly renewAtMs: number } | undefined;
  /** The newest first. */
  private hidden: string[] = [];
  private asking: Promise<string> | undefined;

  constructor(
    private readonly settings: OAuthSettings,
    private readonly transport: HttpTransport,
    private readonly tools: { readonly classification: Classification; readonly redaction: Redaction; readonly now: () => number },
  ) {}

  /** Rejects with TokenRefused. */
  current(): string | Promise<string> {
    if (this.token && this.tools.now() < this.token.renewAtMs) return this.token.text;
    return (this.asking ??= this.ask().finally(() => (this.asking = undefined)));
  }

  /** The endpoint refused this token: the next request gets another, unless there is one already. */
  invalidate(text: string): void {
    if (this.token?.text === text) this.token = undefined;
  }

  /** The token before is still in requests that are under way. */
  private hide(text: string): void {
    const { redaction } = this.tools;
    this.hidden = [text, ...this.hidden.filter((it) => it !== text)];
    for (const it of this.hidden.splice(TOKENS_HIDDEN)) redaction.remove(it);
    redaction.add(text);
  }

  private async ask(): Promise<string> {
    const { classification, now } = this.tools;
    const request = this.request();
    let failure: Failure | null;
    try {
      const answer = await this.transport.exchange(request).done;
      failure = classification.ofAnswer(answer, { ...request, isTombstone: false });
      if (!failure) {
        const { text, lifeMs } = this.parse(answer.body);
        this.hide(text);
        this.token = { text, renewAtMs: lifeMs === undefined ? Infinity : now() + Math.max(Math.min(lifeMs * LIFE_USED, lifeMs - MARGIN_MS), lifeMs / 2) };
        return text;
      }
    } catch (error) {
      if (error instanceof TokenRefused) throw error;
      failure = classification.ofError(error, request);
    }
    const error = new ConnectError(`No OAuth2 token: ${failure.error.message}`);
    throw new TokenRefused({ ...failure, error, host: 'neutral', kind: failure.kind === 'permanent' || failure.kind === 'too-large' ? 'fatal' : failure.kind });
  }

  private request(): ExchangeRequest & { readonly method: string } {
    const { settings } = this;
    const form = new URLSearchParams({ [settings.grantTypeProperty]: settings.grantType });
    if (settings.scope !== undefined) form.set('scope', settings.scope);
    const headers = [...settings.headers, 'content-type', 'application/x-www-form-urlencoded', 'accept', 'application/json'];
    if (settings.clientIn === 'header') headers.push('authorization', `Basic ${Buffer.from(`${encodeURIComponent(settings.clientId)}:${encodeURIComponent(settings.clientSecret)}`).toString('base64')}`);
    else {
      form.set(settings.clientIdProperty, settings.clientId);
      form.set(settings.clientSecretProperty, settings.clientSecret);
    }
    return { ...settings.tokenUrl, method: 'POST', headers, body: Buffer.from(form.toString()) };
  }

  private parse(body: Uint8Array): { readonly text: string; readonly lifeMs: number | undefined } {
    let answer: unknown;
    try {
      answer = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'));
    } catch {
      answer = undefined;
    }
    const fields = (typeof answer === 'object' && answer !== null ? answer : {}) as Record<string, unknown>;
    const text = fields[this.settings.tokenProperty];
    if (typeof text !== 'string' || text === '' || /[^\x21-\x7e]/.test(text)) {
      throw new TokenRefused({ kind: 'fatal', error: new ConnectError(`No OAuth2 token: the answer of ${this.settings.tokenUrl.origin} has no ${this.settings.tokenProperty}`), host: 'neutral' });
    }
    const seconds = Number(fields.expires_in);
    return { text, lifeMs: Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : undefined };
  }
}
