import { createPublicKey, verify } from 'node:crypto';
import { ConfigError } from '@millrace/connect-api';
import { Webhook } from 'standardwebhooks';
import { HmacSigner, StandardWebhooksSigner } from './signature.js';

describe('Standard Webhooks', () => {
  const body = Buffer.from('{"type":"order.paid","data":{"é":1}}');
  const OLD = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
  const NEW = `whsec_${Buffer.alloc(24, 2).toString('base64')}`;
  const record = (headers: readonly string[]): Record<string, string> => Object.fromEntries(Array.from({ length: headers.length / 2 }, (_, i) => [headers[i * 2] ?? '', headers[i * 2 + 1] ?? '']));

  test('the signatures are accepted by the library of the standard, by the old and the new secret', () => {
    const headers = record(new StandardWebhooksSigner([OLD, NEW]).headers('id-1', body, Date.now()));
    expect(headers['webhook-signature']?.split(' ')).toHaveLength(2);
    for (const secret of [OLD, NEW]) expect(new Webhook(secret).verify(body.toString(), headers)).toEqual({ type: 'order.paid', data: { é: 1 } });
    expect(() => new Webhook(OLD).verify(`${body.toString()} `, headers)).toThrow('No matching signature');
    expect(() => new Webhook(`whsec_${Buffer.alloc(32, 9).toString('base64')}`).verify(body.toString(), headers)).toThrow('No matching signature');
  });

  test('ed25519: the vector of RFC 8032 gives its public key, and the signature holds for it', () => {
    const seed = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex');
    const publicKey = Buffer.from('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', 'hex');
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey.toString('base64url') }, format: 'jwk' });
    for (const secret of [seed, Buffer.concat([seed, publicKey])]) {
      const headers = record(new StandardWebhooksSigner([`whsk_${secret.toString('base64')}`, OLD]).headers('id-1', body, 1_700_000_000_500));
      const [v1a = '', v1 = ''] = (headers['webhook-signature'] ?? '').split(' ');
      expect(v1).toMatch(/^v1,/);
      expect(v1a).toMatch(/^v1a,/);
      expect(verify(null, Buffer.from(`id-1.1700000000.${body.toString()}`), key, Buffer.from(v1a.slice(4), 'base64'))).toBe(true);
    }
  });

  test('a secret that is none is refused, unseen', () => {
    for (const secret of ['whsec_tooshort', 'whsec_***', `whsk_${Buffer.alloc(31).toString('base64')}`, `whpk_${Buffer.alloc(32).toString('base64')}`]) {
      expect(() => new StandardWebhooksSigner([OLD, secret])).toThrow(ConfigError);
      expect(() => new StandardWebhooksSigner([secret])).not.toThrow(secret);
    }
  });
});

test('HMAC as GitHub sends it', () => {
  // The example of GitHub's documentation on validating deliveries.
  const signer = new HmacSigner({ header: 'X-Hub-Signature-256', algorithm: 'sha256', encoding: 'hex', prefix: 'sha256=', secret: "It's a Secret to Everybody" });
  expect(signer.headers('', Buffer.from('Hello, World!'))).toEqual(['X-Hub-Signature-256', 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17']);
});
