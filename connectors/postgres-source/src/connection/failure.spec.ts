import { ConnectionLost } from './connection-lost.js';
import { isRetriable, isTlsRefusal } from './failure.js';

const coded = (code: string, message = 'x'): Error => Object.assign(new Error(message), { code });

describe('isRetriable', () => {
  it.each(['ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'EHOSTDOWN', 'ENETUNREACH', 'ENETDOWN', 'ENETRESET', 'EADDRNOTAVAIL', '08006', '57P01', '53300'])('%s', (code) => {
    expect(isRetriable(coded(code))).toBe(true);
    expect(isRetriable(new AggregateError([coded(code)]))).toBe(true);
  });

  it.each(['Connection terminated', 'Connection terminated unexpectedly', 'Client has encountered a connection error and is not queryable', 'Client was closed and is not queryable', 'timeout expired'])('the driver: %s', (message) => {
    expect(isRetriable(new Error(message))).toBe(true);
  });

  it('knows our own by its code, whatever its text', () => {
    expect(isRetriable(new ConnectionLost('any words'))).toBe(true);
  });

  it.each(['the server closed the connection', 'the function says: timeout expired', 'x is not queryable', ''])('not another error that sounds like one: %s', (message) => {
    expect(isRetriable(new Error(message))).toBe(false);
    expect(isRetriable(coded('P0001', 'timeout expired'))).toBe(false);
  });
});

describe('isTlsRefusal', () => {
  it('is what the driver, the server or the TLS library says about TLS, and nothing else', () => {
    const refusals = [new Error('The server does not support SSL connections'), new Error('There was an error establishing an SSL connection'), coded('28000', 'no pg_hba.conf entry for host "x", user "y", no encryption'), coded('ERR_SSL_WRONG_VERSION_NUMBER')];
    expect(refusals.map(isTlsRefusal)).toEqual([true, true, true, true]);
    expect([coded('3D000', 'database "SSL" does not exist'), coded('28P01', 'password authentication failed for user "ssl"'), new Error('SSL'), undefined].map(isTlsRefusal)).toEqual([false, false, false, false]);
  });
});
