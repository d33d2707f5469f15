import fs from 'node:fs';
import path from 'node:path';
import { temporaryFolder } from '@millrace/testkit';
import { clientTls, REST_TLS_PREFIX, serverTls } from './rest-tls.js';

const tls = path.join(__dirname, '../test/tls');
const file = (name: string): string => path.join(tls, name);
const folder = temporaryFolder('tls');
const jks = path.join(folder.path, 'worker.jks');
fs.writeFileSync(jks, Buffer.from('feedfeed0000000200000001', 'hex'));
afterAll(() => folder.remove());

const server = (settings: Record<string, string>): unknown => serverTls(settings, REST_TLS_PREFIX);

describe('TLS of the REST interface', () => {
  it('the chain of a PEM store is trusted in other workers when there is no truststore', () => {
    const settings = { 'ssl.keystore.location': file('worker.pem') };
    expect(clientTls(settings)).toMatchObject({ ca: fs.readFileSync(file('worker.pem')), minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' });
    expect(clientTls({}).ca).toBeUndefined();
    expect(clientTls({ ...settings, 'ssl.endpoint.identification.algorithm': '' }).checkServerIdentity).toBeDefined();
  });

  it.each<[string, Record<string, string>, string]>([
    ['no certificate', {}, 'configuration ssl.keystore.location: an https listener needs a certificate'],
    ['no certificate under the prefix', { 'listeners.https.ssl.client.auth': 'none', 'ssl.keystore.location': file('worker.pem') }, 'configuration listeners.https.ssl.keystore.location'],
    ['a Java keystore', { 'ssl.keystore.location': jks }, 'a Java keystore (JKS) cannot be read: convert it with keytool'],
    ['a store that is not there', { 'ssl.keystore.location': '/not/there' }, 'the file cannot be read (ENOENT)'],
    ['a chain without its key', { 'ssl.keystore.certificate.chain': 'x' }, 'configuration ssl.keystore.key: a certificate chain and its key are given together'],
    ['a wrong password', { 'ssl.keystore.location': file('worker.p12'), 'ssl.keystore.password': 'another-word' }, 'wrong password, damaged or not a pair'],
    ['a key that is not the certificate’s', { 'ssl.keystore.certificate.chain': fs.readFileSync(file('worker.cert.pem'), 'utf8'), 'ssl.keystore.key': fs.readFileSync(file('stranger.pem'), 'utf8') }, 'not a pair'],
    ['a PKCS12 truststore', { 'ssl.keystore.location': file('worker.pem'), 'ssl.truststore.location': file('worker.p12') }, 'trusted certificates are read as PEM only'],
    ['an unknown client auth', { 'ssl.keystore.location': file('worker.pem'), 'ssl.client.auth': 'maybe' }, 'expected none, requested or required'],
    ['old protocols only', { 'ssl.keystore.location': file('worker.pem'), 'ssl.enabled.protocols': 'SSLv3,TLSv1' }, 'expected TLSv1.2, TLSv1.3 or both'],
    ['unknown cipher suites', { 'ssl.keystore.location': file('worker.pem'), 'ssl.enabled.protocols': 'TLSv1.2', 'ssl.cipher.suites': 'TLS_ROT13' }, 'none of the cipher suites is known'],
  ])('refuses %s', (_, settings, problem) => {
    expect(() => server(settings)).toThrow(problem);
    expect(() => server(settings)).not.toThrow(/another-word|PRIVATE/);
  });
});
