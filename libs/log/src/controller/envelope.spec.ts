import { ANONYMOUS, type RequestContext } from '@millrace/network';
import { CreateTopics, DefaultPrincipalData, encodeRequestFrame, encodeVersioned, ErrorCode } from '@millrace/protocol';
import { addressBytes, addressOf } from './client-address.js';
import { enveloped, fromEnvelope, openEnvelope } from './envelope.js';

const NOBODY = { host: '0.0.0.0', port: 0 };
const contextOf = (host: string, apiVersion = 7): RequestContext => ({
  apiKey: CreateTopics.apiKey,
  apiVersion,
  correlationId: 42,
  clientId: 'a-client',
  connection: { connectionId: '', listenerName: 'PLAINTEXT', remote: { host, port: 5 }, local: NOBODY, principal: { type: 'User', name: 'alice' }, clientSoftware: undefined },
});
const BODY = { topics: [{ name: 'a', numPartitions: 3, replicationFactor: 1, assignments: [], configs: [] }], timeoutMs: 1000, validateOnly: true };

describe('a request inside an envelope', () => {
  it.each([4, 5, 7])('says what was asked in version %i, by whom and from where', (apiVersion) => {
    const opened = openEnvelope(enveloped(CreateTopics, BODY, contextOf('10.1.2.3', apiVersion)));
    const frame = Buffer.concat(encodeRequestFrame(CreateTopics, { apiVersion, correlationId: 42, clientId: 'a-client', body: BODY }));
    expect(opened).toMatchObject({ api: { name: 'CreateTopics' }, apiVersion, correlationId: 42, clientId: 'a-client', principal: { type: 'User', name: 'alice' }, remote: { host: '10.1.2.3' } });
    expect(frame.subarray(-opened.body.length)).toEqual(Buffer.from(opened.body));
  });

  it('is refused with Kafka\'s errors', () => {
    const good = enveloped(CreateTopics, BODY, contextOf('::1'));
    const errorOf = (changed: Partial<typeof good>): unknown => {
      try {
        return openEnvelope({ ...good, ...changed });
      } catch (error) {
        return (error as { errorCode?: number }).errorCode;
      }
    };
    expect(errorOf({})).toMatchObject({ remote: { host: '0:0:0:0:0:0:0:1' } });
    expect(errorOf({ requestPrincipal: null })).toBe(ErrorCode.PRINCIPAL_DESERIALIZATION_FAILURE);
    expect(errorOf({ requestPrincipal: Buffer.from('nonsense') })).toBe(ErrorCode.PRINCIPAL_DESERIALIZATION_FAILURE);
    expect(errorOf({ clientHostAddress: Buffer.alloc(5) })).toBe(ErrorCode.INVALID_REQUEST);
    expect(errorOf({ requestData: Buffer.from([0, 19]) })).toBe(ErrorCode.UNSUPPORTED_VERSION);
    expect(errorOf({ requestData: Buffer.from([0, 19, 0, 99, 0, 0, 0, 1, 0, 0]) })).toBe(ErrorCode.UNSUPPORTED_VERSION);
  });

  it('is answered by nobody when the node does not lead', () => {
    expect(fromEnvelope(CreateTopics, 7, { errorCode: ErrorCode.NOT_CONTROLLER, responseData: null })).toBeUndefined();
    expect(() => fromEnvelope(CreateTopics, 7, { errorCode: ErrorCode.INVALID_REQUEST, responseData: null })).toThrow(expect.objectContaining({ errorCode: ErrorCode.INVALID_REQUEST }));
  });

  it('names a principal as Kafka writes it', () => {
    const bytes = encodeVersioned(DefaultPrincipalData, { ...ANONYMOUS, tokenAuthenticated: false }, 0);
    expect(Buffer.from(bytes).toString('hex')).toBe(`0000${'05'}${Buffer.from('User').toString('hex')}${'0a'}${Buffer.from('ANONYMOUS').toString('hex')}0000`);
  });
});

describe('the bytes of an address', () => {
  it.each([
    ['127.0.0.1', '7f000001', '127.0.0.1'],
    ['::1', `${'00'.repeat(15)}01`, '0:0:0:0:0:0:0:1'],
    ['fe80::12ab%eth0', 'fe8000000000000000000000000012ab', 'fe80:0:0:0:0:0:0:12ab'],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008', '1:2:3:4:5:6:7:8'],
    ['::ffff:10.0.0.1', '00000000000000000000ffff0a000001', '0:0:0:0:0:ffff:a00:1'],
    ['node-1.simulated', '00000000', '0.0.0.0'],
  ])('%s', (host, hex, back) => {
    expect(Buffer.from(addressBytes(host)).toString('hex')).toBe(hex);
    expect(addressOf(addressBytes(host))).toBe(back);
  });
});
