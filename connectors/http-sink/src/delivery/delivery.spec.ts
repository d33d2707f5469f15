import { createPublicKey, verify } from 'node:crypto';
import { ConfigError } from '@millrace/connect-api';
import { Webhook } from 'standardwebhooks';
import { sinkRecord } from '@millrace/connect-testkit';
import { StatusCodes } from '../config/status-codes.js';
import { MessageId } from './message-id.js';
import { Redaction } from './redaction.js';
import { retryAfterMs } from './retry-after.js';
import { HmacSigner, StandardWebhooksSigner } from './signature.js';

test('the id of a record is always the same, and no other has it', () => {
  const id = (offset: number): MessageId => new MessageId('c', sinkRecord({ offset }));
  const at = (offset: number, partition = 0, topic = 't', connector = 'c'): string => new MessageId(connector, sinkRecord({ offset, partition, topic })).toString();
  // Pinned: an id that changes with a release makes every receiver take everything twice.
  expect(at(5)).toBe('d992358b-ef01-8820-96aa-42d7d5ffda7d');
  expect(MessageId.ofAll([id(1), id(2)])).toBe('bd646002-2dcf-8749-8e0c-1621c88b644e');
  expect(new Set([at(5), at(6), at(5, 1), at(5, 0, 'u'), at(5, 0, 't', 'd')]).size).toBe(5);
  expect(MessageId.ofAll([id(1)])).toBe(at(1));
  const moved = { ...sinkRecord({ offset: 99, topic: 'routed' }), originalTopic: 't', originalPartition: 0, originalKafkaOffset: 5 };
  expect(new MessageId('c', moved).toString()).toBe(at(5));
});

test('Retry-After in seconds and as a date, bounded', () => {
  const nowMs = Date.parse('Sat, 21 Nov 2026 10:00:00 GMT');
  const after = (text: string | undefined): number | undefined => retryAfterMs(text, nowMs, 60_000);
  expect([after('7'), after('0'), after('86400'), after('Sat, 21 Nov 2026 10:00:05 GMT'), after('Sat, 21 Nov 2026 09:00:00 GMT'), after('Sun, 22 Nov 2026 10:00:00 GMT')]).toEqual([7000, 0, 60_000, 5000, 0, 60_000]);
  expect([after(undefined), after(''), after('soon'), after('-5'), after('1e9')]).toEqual([undefined, undefined, undefined, undefined, undefined]);
});

test('lists of status codes', () => {
  const codes = StatusCodes.parse(['408', '429', '500-503', '507-']);
  expect([408, 429, 500, 503, 504, 507, 599].map((it) => codes?.has(it))).toEqual([true, true, true, true, false, true, true]);
  expect([StatusCodes.parse(['4xx']), StatusCodes.parse(['40']), StatusCodes.parse(['-500'])]).toEqual([undefined, undefined, undefined]);
});

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

test('a secret that an endpoint sends back is taken out', () => {
  const redaction = new Redaction();
  redaction.add('s3cret-token', 'abc', undefined);
  expect(redaction.apply('you sent s3cret-token and abc, s3cret-token')).toBe('you sent [hidden] and abc, [hidden]');
});
