import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock } from '@millrace/foundation';
import type { InternalSignature } from '../rest/connect-api.js';
import { badRequest, ConnectRestError } from '../rest/rest-error.js';
import type { SessionKey } from '../stores/config-records.js';

export const SIGNATURE_HEADER = 'X-Connect-Authorization';
export const ALGORITHM_HEADER = 'X-Connect-Request-Signature-Algorithm';

/** Java's name of the algorithm, and Node's. */
const ALGORITHM = 'HmacSHA256';
const DIGEST = 'sha256';
const KEY_BYTES = 32;

export function newSessionKey(clock: Clock): SessionKey {
  return { key: randomBytes(KEY_BYTES).toString('base64'), algorithm: ALGORITHM, creationTimestampMs: clock.nowMs() };
}

/** The headers of a signed request between workers. */
export function signatureHeaders(key: SessionKey, body: string): Record<string, string> {
  return { [SIGNATURE_HEADER]: hmac(key, body).toString('base64'), [ALGORITHM_HEADER]: ALGORITHM };
}

/** Throws ConnectRestError: 400 without a signature, 503 while the key is not known, 403 for a wrong one. */
export function verifySignature(key: SessionKey | undefined, body: string, given: InternalSignature): void {
  if (given.signature === undefined) throw badRequest('Internal request missing required signature');
  if (given.algorithm !== ALGORITHM) throw badRequest(`This worker does not support the '${given.algorithm ?? ''}' key signing algorithm used by other workers. This worker is currently configured to use: [${ALGORITHM}].`);
  if (!key) throw new ConnectRestError('UNAVAILABLE', 503, 'This worker is still starting up and has not been able to read a session key from the config topic yet');
  const expected = hmac(key, body);
  const actual = Buffer.from(given.signature, 'base64');
  if (actual.length !== expected.length || !timingSafeEqual(actual, expected)) throw new ConnectRestError('FORBIDDEN', 403, 'Internal request contained invalid signature.');
}

function hmac(key: SessionKey, body: string): Buffer {
  return createHmac(DIGEST, Buffer.from(key.key, 'base64')).update(body, 'utf8').digest();
}
