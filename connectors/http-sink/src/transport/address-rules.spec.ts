import { AddressRules, type AddressSettings } from './address-rules.js';

const rules = (settings: Partial<AddressSettings> = {}): AddressRules => new AddressRules({ denyPrivate: false, allowedHosts: [], allowedAddresses: [], ...settings });
/** As the URL parser hands it on. */
const hostOf = (url: string): string => new URL(url).hostname;

const METADATA = [
  'http://169.254.169.254/', 'http://169.254.170.2/', 'http://2852039166/', 'http://0xa9fea9fe/', 'http://0251.0376.0251.0376/', 'http://0xa9.254.0251.254/', 'http://169.254.43518/', 'http://[::ffff:169.254.169.254]/', 'http://[::ffff:a9fe:a9fe]/', 'http://[64:ff9b::a9fe:a9fe]/',
  'http://[2002:a9fe:a9fe::1]/', 'http://[::169.254.169.254]/', 'http://[fe80::1]/', 'http://[febf::1]/', 'http://[fd00:ec2::254]/', 'http://[fd00:0ec2:0:0:0:0:0:254]/', 'http://100.100.100.200/', 'http://168.63.129.16/', 'http://192.0.0.192/', 'http://metadata.google.internal/', 'http://METADATA.google.internal./', 'http://224.0.0.1/', 'http://[ff02::1]/', 'http://255.255.255.255/',
];
const PRIVATE = ['http://127.0.0.1/', 'http://2130706433/', 'http://0177.1/', 'http://10.1.2.3/', 'http://172.31.0.1/', 'http://192.168.1.1/', 'http://100.64.0.1/', 'http://0.0.0.0/', 'http://[::1]/', 'http://[::]/', 'http://[fc00::1]/', 'http://[::ffff:10.0.0.1]/', 'http://[::ffff:7f00:1]/', 'http://[64:ff9b::7f00:1]/', 'http://[2001:0:0:0:0:0:f5ff:fffe]/'];
const PUBLIC = ['http://93.184.216.34/', 'http://172.32.0.1/', 'http://169.253.255.255/', 'http://[2606:2800:220:1::1]/', 'http://[fec0:1::]/'.replace('fec0', '2a00'), 'http://[::ffff:93.184.216.34]/', 'http://example.com/'];

test.each(METADATA)('%s is refused', (url) => expect(rules().refusesHost(hostOf(url))).toBeDefined());
test.each(PRIVATE)('%s is refused only when private addresses are', (url) => {
  expect(rules().refusesHost(hostOf(url))).toBeUndefined();
  expect(rules({ denyPrivate: true }).refusesHost(hostOf(url))).toBeDefined();
});
test.each(PUBLIC)('%s is reached', (url) => expect(rules({ denyPrivate: true }).refusesHost(hostOf(url))).toBeUndefined());

test('what a name resolves to is judged the same', () => {
  expect(rules().refusesAddress('169.254.169.254', 'innocent.example')).toBe('innocent.example is at a link-local, metadata or multicast address');
  expect(rules().refusesAddress('fe80::1%eth0', 'innocent.example')).toBeDefined();
  expect(rules({ denyPrivate: true }).refusesAddress('10.0.0.1', 'innocent.example')).toBeDefined();
  expect(rules({ denyPrivate: true }).refusesAddress('93.184.216.34', 'innocent.example')).toBeUndefined();
});

test('a list of hosts lets nothing else through', () => {
  const some = rules({ allowedHosts: ['api.example', '*.hooks.example', '10.1.0.0/16'] });
  expect(some.refusesAddress('93.184.216.34', 'api.example')).toBeUndefined();
  expect(some.refusesAddress('93.184.216.34', 'API.example.')).toBeUndefined();
  expect(some.refusesAddress('93.184.216.34', 'a.hooks.example')).toBeUndefined();
  expect(some.refusesAddress('93.184.216.34', 'hooks.example')).toBeDefined();
  expect(some.refusesAddress('93.184.216.34', 'evilhooks.example')).toBeDefined();
  expect(some.refusesAddress('10.1.2.3', 'anything')).toBeUndefined();
  expect(some.refusesAddress('10.2.2.3', 'anything')).toBeDefined();
  expect(some.refusesHost('10.1.2.3')).toBeUndefined();
  expect(rules({ allowedHosts: ['api.example'] }).refusesHost('other.example')).toBeDefined();
  expect(some.refusesAddress('169.254.169.254', 'api.example')).toBeDefined();
  const elsewhere = { allowedHosts: ['api.example', '10.1.0.0/16'] };
  expect([rules(elsewhere).refusesHost('unknown.example'), rules({ ...elsewhere, isResolvedElsewhere: true }).refusesHost('unknown.example')]).toEqual([undefined, expect.any(String)]);
});

test('an operator may let single addresses through', () => {
  expect(rules({ denyPrivate: true, allowedAddresses: ['10.0.0.5', '::1/128'] }).refusesHost('10.0.0.5')).toBeUndefined();
  expect(rules({ denyPrivate: true, allowedAddresses: ['10.0.0.5'] }).refusesHost('10.0.0.6')).toBeDefined();
  expect(rules({ allowedAddresses: ['169.254.1.1'] }).refusesHost('[::ffff:169.254.1.1]')).toBeUndefined();
});
