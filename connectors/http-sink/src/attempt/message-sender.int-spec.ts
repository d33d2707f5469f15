import { randomBytes } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { sinkRecord } from '@millrace/connect-testkit';
import { Endpoint } from '../../test/endpoint.js';
import { parseHttpSinkSettings } from '../config/http-sink-settings.js';
import { MessageTemplate, type RenderedItem } from '../template/message-template.js';
import { AddressRules } from '../transport/address-rules.js';
import { HttpTransport } from '../transport/http-transport.js';
import { MessageId } from './message-id.js';
import { MessageSender } from './message-sender.js';
import { Redaction } from './redaction.js';

let endpoint: Endpoint;
let transport: HttpTransport;
beforeEach(async () => void (endpoint = await Endpoint.start()));
afterEach(async () => {
  await transport.close();
  await endpoint.kill();
});

function sender(body: string): { readonly sender: MessageSender; readonly items: { readonly payload: RenderedItem }[] } {
  const settings = parseHttpSinkSettings({ 'http.api.url': endpoint.url, 'request.body.format': 'string', 'http.request.compression': 'gzip' });
  transport = new HttpTransport(settings.transport, new AddressRules(settings.addresses));
  const record = sinkRecord({ offset: 0, value: body });
  const payload = new MessageTemplate(settings.message, settings.batch).render(record, new MessageId('c', record));
  if (payload === 'ignored') throw new Error('no item');
  return { sender: new MessageSender(settings, { transport, redaction: new Redaction(), now: () => Date.now() }), items: [{ payload }] };
}

test('a message is compressed beside the task, not in its way', async () => {
  const body = randomBytes(1 << 20).toString('hex');
  const { sender: it, items } = sender(body);
  let begin = performance.now();
  gzipSync(body);
  const compressionMs = performance.now() - begin;
  begin = performance.now();
  const attempt = it.attempt(items);
  expect(performance.now() - begin).toBeLessThan(compressionMs / 3);
  expect(await attempt.outcome).toEqual({ kind: 'delivered' });
  expect(gunzipSync(endpoint.got[0]!.raw).equals(Buffer.from(body))).toBe(true);
});

test('an attempt that is given up while its message is compressed sends nothing', async () => {
  const { sender: it, items } = sender(randomBytes(1 << 18).toString('hex'));
  const attempt = it.attempt(items);
  attempt.abort();
  expect(await attempt.outcome).toMatchObject({ kind: 'failed', failure: { kind: 'aborted', host: 'neutral' } });
  expect(await it.attempt(items).outcome).toEqual({ kind: 'delivered' });
  expect(endpoint.got).toHaveLength(1);
});
