import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { temporaryFolder } from '@millrace/testkit';
import { ConfigProviders, hasReference, withReferences } from './config-providers.js';
import { Secrets } from './secrets.js';
import { parseProperties } from './properties-text.js';

const folder = temporaryFolder('providers');
const open = path.join(folder.path, 'open');
const closed = path.join(folder.path, 'closed');

beforeAll(() => {
  mkdirSync(open);
  mkdirSync(closed);
  writeFileSync(path.join(open, 'a.properties'), 'key=from the file\n');
  writeFileSync(path.join(closed, 'a.properties'), 'key=secret\n');
  writeFileSync(path.join(open, 'token'), 'abc\n');
  symlinkSync(path.join(closed, 'a.properties'), path.join(open, 'link'));
});
afterAll(() => folder.remove());

const CLASSES = 'org.apache.kafka.common.config.provider.';
const providers = (): ConfigProviders =>
  ConfigProviders.of({
    'config.providers': 'file, dir',
    'config.providers.file.class': `${CLASSES}FileConfigProvider`,
    'config.providers.file.param.allowed.paths': open,
    'config.providers.dir.class': `${CLASSES}DirectoryConfigProvider`,
    'config.providers.dir.param.allowed.paths': open,
  });
const value = (text: string): string | undefined => providers().resolve({ x: text }).config.x;

describe('config providers', () => {
  it('put values in their places, also several in one text', () => {
    expect(value(`<\${file:${open}/a.properties:key}|\${dir:${open}:token}>`)).toBe('<from the file|abc\n>');
    expect(value('plain $ {a:b} ${topic}')).toBe('plain $ {a:b} ${topic}');
    expect([hasReference('${topic}'), hasReference('${a:b}'), hasReference('${a:/x/y:b}')]).toEqual([false, true, true]);
  });

  it.each([
    ['${nobody:x}', /that this worker does not have/],
    ['${file:OPEN/a.properties:other}', /does not have/],
    ['${file:OPEN/nothing:key}', /Could not read properties from file/],
    ['${file:CLOSED/a.properties:key}', /not within allowed.paths/],
    ['${file:OPEN/../closed/a.properties:key}', /not within allowed.paths/],
    ['${file:OPEN/link:key}', /not within allowed.paths/],
    ['${dir:CLOSED:a.properties}', /not within allowed.paths/],
    ['${dir:OPEN:link}', /not within allowed.paths/],
    ['${dir:OPEN:../closed/a.properties}', /is not the name of a file/],
  ])('refuse %s', (text, problem) => {
    expect(() => value(text.replace('OPEN', open).replace('CLOSED', closed))).toThrow(problem);
  });

  it('must be known', () => {
    expect(() => ConfigProviders.of({ 'config.providers': 'x' })).toThrow(/config.providers.x.class/);
    expect(() => ConfigProviders.of({ 'config.providers': 'x', 'config.providers.x.class': 'com.example.Vault' })).toThrow(/There is no config provider com.example.Vault/);
    expect(() => ConfigProviders.of({ 'config.providers': 'x', 'config.providers.x.class': 'FileConfigProvider', 'config.providers.x.param.allowed.paths': 'relative' })).toThrow(/not absolute/);
  });

  it('are put back into task configs, under other names too', () => {
    const raw = { a: '${file:f:k}', b: 'plain' };
    expect(withReferences([{ a: 'resolved', b: 'plain', copy: 'resolved', c: 'own' }], raw, { a: 'resolved', b: 'plain' })).toEqual([{ a: '${file:f:k}', b: 'plain', copy: '${file:f:k}', c: 'own' }]);
  });

  it('hide the whole of a value that begins with another one', () => {
    const secrets = new Secrets();
    secrets.add('pass', '${a:short}');
    expect(secrets.hide('pass')).toBe('${a:short}');
    secrets.add('pass-2024!', '${a:long}');
    expect(secrets.hide('<pass-2024!> <pass>')).toBe('<${a:long}> <${a:short}>');
  });

  it('read properties files as Java does', () => {
    const text = '# no\n! neither\n  a = b \nc:d\ne f\ng\nlong = one, \\\n   two\nesc\\=aped\\ key=tab\\tnew\\u0041\\\\end\\\n';
    expect(Object.fromEntries(parseProperties(text))).toEqual({ a: 'b ', c: 'd', e: 'f', g: '', long: 'one, two', 'esc=aped key': 'tab\tnewA\\end' });
  });
});
