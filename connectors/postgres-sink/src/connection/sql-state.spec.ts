import { failureKind, isTlsRefusal } from './sql-state.js';

const coded = (code: string, message = 'x'): Error => Object.assign(new Error(message), { code });

describe('failureKind', () => {
  it.each(['ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'EHOSTDOWN', 'ENETUNREACH', 'ENETDOWN', 'ENETRESET', 'EADDRNOTAVAIL', '08006', '57P01'])('connection: %s', (code) => {
    expect(failureKind(coded(code))).toBe('connection');
  });

  it.each(['Connection terminated', 'Connection terminated unexpectedly', 'Client has encountered a connection error and is not queryable', 'Client was closed and is not queryable', 'timeout expired'])('connection, as the driver says: %s', (message) => {
    expect(failureKind(new Error(message))).toBe('connection');
  });

  it('fatal: another error that sounds like one', () => {
    expect(failureKind(new Error('Connection terminated by a rule of ours'))).toBe('fatal');
  });

  it.each([['40P01', 'transient'], ['53100', 'transient'], ['42P01', 'stale'], ['23505', 'data'], ['22001', 'data'], ['42501', 'fatal']] as const)('%s is %s', (code, kind) => {
    expect(failureKind(coded(code))).toBe(kind);
  });
});

describe('isTlsRefusal', () => {
  it('is what the driver, the server or the TLS library says about TLS, and nothing else', () => {
    const refusals = [new Error('The server does not support SSL connections'), new Error('There was an error establishing an SSL connection'), coded('28000', 'no pg_hba.conf entry for host "x", user "y", SSL off'), coded('ERR_SSL_WRONG_VERSION_NUMBER')];
    expect(refusals.map(isTlsRefusal)).toEqual([true, true, true, true]);
    expect([coded('3D000', 'database "SSL" does not exist'), coded('28P01', 'password authentication failed for user "ssl"'), new Error('SSL'), undefined].map(isTlsRefusal)).toEqual([false, false, false, false]);
  });
});
