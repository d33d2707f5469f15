import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto';
import { ServerError } from '../server-error.js';

const ITERATIONS = 15_000;

function failed(): ServerError {
  return new ServerError(18, 'AuthenticationFailed', 'Authentication failed.');
}

const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/** The server's side of one SCRAM-SHA-256 exchange (RFC 7677). */
export class ScramConversation {
  private readonly salt = randomBytes(28);
  private clientFirst = '';
  private serverFirst = '';
  isDone = false;

  constructor(private readonly credentials: { readonly user: string; readonly password: string }) {}

  first(payload: string): string {
    const match = /^n,,(n=([^,]*),r=([^,]+))$/.exec(payload);
    if (!match || match[2] !== this.credentials.user.replaceAll('=', '=3D').replaceAll(',', '=2C')) throw failed();
    this.clientFirst = match[1]!;
    this.serverFirst = `r=${match[3]}${randomBytes(24).toString('base64')},s=${this.salt.toString('base64')},i=${ITERATIONS}`;
    return this.serverFirst;
  }

  last(payload: string): string {
    const match = /^(c=biws,r=([^,]+)),p=(.+)$/.exec(payload);
    if (!match || !this.serverFirst.startsWith(`r=${match[2]},`)) throw failed();
    const salted = pbkdf2Sync(this.credentials.password.normalize('NFKC'), this.salt, ITERATIONS, 32, 'sha256');
    const clientKey = hmac(salted, 'Client Key');
    const authMessage = `${this.clientFirst},${this.serverFirst},${match[1]}`;
    const signature = hmac(createHash('sha256').update(clientKey).digest(), authMessage);
    const proof = Buffer.from(match[3]!, 'base64');
    const expected = Buffer.from(clientKey.map((byte, index) => byte ^ signature[index]!));
    if (proof.length !== expected.length || !timingSafeEqual(proof, expected)) throw failed();
    this.isDone = true;
    return `v=${hmac(hmac(salted, 'Server Key'), authMessage).toString('base64')}`;
  }
}
