import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock } from '@millrace/foundation';
import type { InternalSignature } from '../rest/connect-api.js';
import { badRequest, ConnectRestError } from '../rest/rest-error.js';
import type { SessionKey } from '../stores/config-records.js';

/** The headers of InternalSignature: base64 of the HMAC of the body, and Java's name of the algorithm. */
export const SIGNATURE_HEADER = 'X-Connect-Authorization';
export const ALGORITHM_HEADER = 'X-Connect-Request-Signature-Algorithm';

/** Java's names of algorithms, with Node's and the size of a key. */
const ALGORITHMS: Readonly<Record<string, { readonly digest: string; readonly keyBytes: number }>> = {
  HmacMD5: { digest: 'md5', keyBytes: 64 },
  HmacSHA1: { digest: 'sha1', keyBytes: 64 },
  HmacSHA224: { digest: 'sha224', keyBytes: 28 },
  HmacSHA256: { digest: 'sha256', keyBytes: 32 },
  HmacSHA384: { digest: 'sha384', keyBytes: 48 },
  HmacSHA512: { digest: 'sha512', keyBytes: 64 },
};

export const SIGNATURE_ALGORITHMS = Object.keys(ALGORITHMS);

export interface SignatureSettings {
  /** Of new keys (inter.worker.key.generation.algorithm). */
  readonly keyAlgorithm: string;
  /** inter.worker.signature.algorithm. */
  readonly algorithm: string;
  /** inter.worker.verification.algorithms. */
  readonly accepted: readonly string[];
}

/** Requests between workers: signed and checked with the group's key, in the protocol that has one. */
export class InternalRequests {
  constructor(
    private readonly settings: SignatureSettings,
    private readonly key: () => SessionKey | undefined,
    private readonly isSigned: () => boolean,
  ) {}

  /** A new key is due when there is none, or one for another algorithm. */
  newKey(clock: Clock): SessionKey {
    const { keyAlgorithm } = this.settings;
    return { key: randomBytes(ALGORITHMS[keyAlgorithm]?.keyBytes ?? 32).toString('base64'), algorithm: keyAlgorithm, creationTimestampMs: clock.nowMs() };
  }

  isOfThisAlgorithm(key: SessionKey): boolean {
    return key.algorithm === this.settings.keyAlgorithm;
  }

  headers(body: string): Record<string, string> {
    const key = this.key();
    if (!key || !this.isSigned()) return {};
    return { [SIGNATURE_HEADER]: hmac(this.settings.algorithm, key, body).toString('base64'), [ALGORITHM_HEADER]: this.settings.algorithm };
  }

  /** Throws ConnectRestError: 400 without a signature or with another algorithm, 503 while the key is not known, 403 for a wrong one. */
  verify(body: string, { signature, algorithm }: InternalSignature): void {
    if (!this.isSigned()) return;
    const { accepted } = this.settings;
    if (signature === undefined || algorithm === undefined) throw badRequest('Internal request missing required signature');
    if (!accepted.includes(algorithm)) {
      throw badRequest(`This worker does not support the '${algorithm}' key signing algorithm used by other workers. This worker is currently configured to use: [${accepted.join(', ')}]. Check that all workers' configuration files permit the same set of signature algorithms, and correct any misconfigured worker and restart it.`);
    }
    const key = this.key();
    if (!key) throw new ConnectRestError('UNAVAILABLE', 503, 'This worker is still starting up and has not been able to read a session key from the config topic yet');
    const expected = hmac(algorithm, key, body);
    const actual = Buffer.from(signature, 'base64');
    if (actual.length !== expected.length || !timingSafeEqual(actual, expected)) throw new ConnectRestError('FORBIDDEN', 403, 'Internal request contained invalid signature.');
  }
}

function hmac(algorithm: string, key: SessionKey, body: string): Buffer {
  return createHmac(ALGORITHMS[algorithm]?.digest ?? 'sha256', Buffer.from(key.key, 'base64')).update(body, 'utf8').digest();
}
