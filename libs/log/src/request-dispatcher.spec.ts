import { ByteWriter, hasCode, SILENT_LOGGER } from '@millrace/foundation';
import { ANONYMOUS } from '@millrace/network';
import { DescribeQuorum, Produce } from '@millrace/protocol';
import { NO_ANSWER, servedApi } from './handlers/broker-api.js';
import { RequestDispatcher } from './request-dispatcher.js';

const NOWHERE = { host: 'localhost', port: 0 };
const connection = { connectionId: 'c', listenerName: 'CONTROLLER', remote: NOWHERE, local: NOWHERE, principal: ANONYMOUS, clientSoftware: undefined };

function dispatcher(): { readonly it: RequestDispatcher; readonly told: string[] } {
  const told: string[] = [];
  const logger = { ...SILENT_LOGGER, error: (_fields: unknown, message: string) => void told.push(message) };
  const apis = [servedApi(DescribeQuorum, () => () => Promise.resolve(undefined)), servedApi(Produce, () => () => NO_ANSWER)];
  return { it: RequestDispatcher.of(apis, { clock: { nowMs: () => 0, monotonicMs: () => 0 }, logger }), told };
}

describe('a request that gets no answer', () => {
  it('closes its connection: the next answer on it would be taken for this one', async () => {
    const { it: asked, told } = dispatcher();
    const body = new ByteWriter(64);
    DescribeQuorum.request.encode(body, { topics: [] }, 2);
    const failure: unknown = await Promise.resolve(asked.handle({ apiKey: DescribeQuorum.apiKey, apiVersion: 2, correlationId: 1, clientId: 'x', connection }, body.take())).catch((error: unknown) => error);
    expect(hasCode(failure, 'NOT_ANSWERED')).toBe(true);
    expect(told).toEqual([]);
  });

  it('is as it should be for a produce without acknowledgement', () => {
    const body = new ByteWriter(64);
    Produce.request.encode(body, { transactionalId: null, acks: 0, timeoutMs: 0, topicData: [] }, 9);
    expect(dispatcher().it.handle({ apiKey: Produce.apiKey, apiVersion: 9, correlationId: 1, clientId: 'x', connection }, body.take())).toBeUndefined();
  });
});

describe('a body that cannot be read', () => {
  it('counts among the failures and goes up to the network, which tells of it', () => {
    const { it: asked, told } = dispatcher();
    const context = { apiKey: Produce.apiKey, apiVersion: 9, correlationId: 1, clientId: 'x', connection };
    expect(() => asked.handle(context, Uint8Array.of(0, 0x7f))).toThrow(expect.objectContaining({ code: 'MALFORMED_BYTES' }));
    expect(asked.traffic().find((it) => it.api === 'Produce')).toMatchObject({ requests: 1, failures: 1, requestBytes: 2, totalTimeMs: 0 });
    expect(told).toEqual([]);
  });
});
