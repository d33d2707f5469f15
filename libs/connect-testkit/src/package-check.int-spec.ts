import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { packageProblems } from './checks/package-check.js';

const good = JSON.parse(readFileSync(path.join(__dirname, '../test/packages/source/package.json'), 'utf8')) as Record<string, unknown>;
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'millrace-package-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function problems(changes: Record<string, unknown>, entry?: string): string[] {
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ ...good, ...changes }));
  writeFileSync(path.join(folder, 'README.md'), '');
  if (entry !== undefined) {
    mkdirSync(path.join(folder, 'dist'));
    writeFileSync(path.join(folder, 'dist/index.js'), entry);
  }
  return packageProblems(folder, 'source');
}

const plugin = (more: object): object => ({ apiVersion: 1, plugins: [{ class: 'org.example.Memory', type: 'source', entry: './dist/index.js', ...more }] });

describe('packageProblems', () => {
  it('finds nothing wrong with a complete package', () => {
    expect(problems({}, 'exports.plugin = { connector() {}, task() {} };')).toEqual([]);
  });

  it.each([
    [{ name: 'my-source' }, /the name must be/],
    [{ version: undefined }, /version is missing/],
    [{ description: '' }, /description/],
    [{ license: undefined }, /license/],
    [{ keywords: ['millrace-connector'] }, /keywords lack "source"/],
    [{ files: undefined }, /files/],
    [{ engines: {} }, /engines\.node/],
    [{ peerDependencies: {} }, /must be a peer dependency/],
    [{ dependencies: { '@millrace/connect-api': '1' } }, /two copies/],
    [{ scripts: { postinstall: 'x' } }, /postinstall/],
    [{ millrace: undefined }, /nothing discovers/],
    [{ millrace: { ...plugin({}), apiVersion: 2 } }, /apiVersion must be 1/],
    [{ millrace: plugin({ type: 'sink' }) }, /has no source/],
    [{ millrace: plugin({ entry: '../elsewhere.js' }) }, /inside the package/],
    [{ millrace: plugin({ class: '' }) }, /has no class/],
  ])('finds what is wrong: %j', (changes, message) => {
    expect(problems(changes).join('\n')).toMatch(message);
  });

  it('looks into an entry that is built', () => {
    expect(problems({ millrace: plugin({ export: 'orders' }) }, 'exports.plugin = {};')).toEqual(['org.example.Memory: ./dist/index.js exports no plugin as "orders"']);
  });
});
