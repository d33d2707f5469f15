import { createHmac, createPrivateKey, type KeyObject, sign } from 'node:crypto';
import { ConfigError } from '@millrace/connect-api';

/** Makes the headers that prove who sent a body. */
export interface Signer {
  /** Name, value, name, value …; `atMs` is the time of the attempt. */
  headers(id: string, body: Uint8Array, atMs: number): string[];
}

export interface HmacSettings {
  readonly header: string;
  readonly algorithm: string;
  readonly encoding: 'hex' | 'base64' | 'base64url';
  /** Before the signature: `sha256=`. */
  readonly prefix: string;
  readonly secret: string;
}

export class HmacSigner implements Signer {
  constructor(private readonly settings: HmacSettings) {}

  headers(_id: string, body: Uint8Array): string[] {
    const { header, algorithm, encoding, prefix, secret } = this.settings;
    return [header, `${prefix}${createHmac(algorithm, secret).update(body).digest(encoding)}`];
  }
}

const ED25519_PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const SETTING = 'signature.secrets';

type StandardKey = { readonly version: 'v1'; readonly secret: Uint8Array } | { readonly version: 'v1a'; readonly key: KeyObject };

/** https://www.standardwebhooks.com: one signature for each secret, so that a receiver may know the old or the new one. */
export class StandardWebhooksSigner implements Signer {
  private readonly keys: readonly StandardKey[];

  /** Secrets as `whsec_…` (HMAC-SHA256, v1) or `whsk_…` (ed25519, v1a). */
  constructor(secrets: readonly string[]) {
    this.keys = secrets.map((it, index) => standardKey(it, index));
    if (this.keys.length === 0) throw new ConfigError(`Invalid value [hidden] for configuration ${SETTING}: it holds no secret`, SETTING);
  }

  headers(id: string, body: Uint8Array, atMs: number): string[] {
    const timestamp = String(Math.floor(atMs / 1000));
    const head = `${id}.${timestamp}.`;
    const signatures = this.keys.map((it) => {
      if (it.version === 'v1') return `v1,${createHmac('sha256', it.secret).update(head).update(body).digest('base64')}`;
      const text = Buffer.allocUnsafe(head.length + body.length);
      text.write(head, 'latin1');
      text.set(body, head.length);
      return `v1a,${sign(null, text, it.key).toString('base64')}`;
    });
    return ['webhook-id', id, 'webhook-timestamp', timestamp, 'webhook-signature', signatures.join(' ')];
  }
}

function standardKey(text: string, index: number): StandardKey {
  const refuse = (why: string): ConfigError => new ConfigError(`Invalid value [hidden] for configuration ${SETTING}: secret ${index + 1} ${why}`, SETTING);
  const match = /^(whsec_|whsk_)?([A-Za-z0-9+/]+={0,2})$/.exec(text);
  if (!match) throw refuse('is not whsec_ or whsk_ and base64');
  const bytes = Buffer.from(match[2] ?? '', 'base64');
  if (match[1] === 'whsk_') {
    // The seed alone, or with the public key behind it.
    if (bytes.length !== 32 && bytes.length !== 64) throw refuse('is not an ed25519 key of 32 or 64 bytes');
    return { version: 'v1a', key: createPrivateKey({ key: Buffer.concat([ED25519_PKCS8, bytes.subarray(0, 32)]), format: 'der', type: 'pkcs8' }) };
  }
  if (bytes.length < 24 || bytes.length > 64) throw refuse('does not have 24 to 64 bytes');
  return { version: 'v1', secret: bytes };
}
