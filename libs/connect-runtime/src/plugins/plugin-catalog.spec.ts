import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { SILENT_LOGGER } from '@millrace/foundation';
import { PluginCatalog } from './plugin-catalog.js';

const folder = mkdtempSync(path.join(os.tmpdir(), 'millrace-plugins-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function put(where: string, json: unknown): void {
  const target = path.join(folder, where);
  mkdirSync(target, { recursive: true });
  writeFileSync(path.join(target, 'package.json'), typeof json === 'string' ? json : JSON.stringify(json));
}

const plugin = (name: string, type: string, aliases: string[] = [], version = '1.0.0'): unknown => ({ version, millrace: { apiVersion: 1, plugins: [{ class: name, type, entry: './none.js', aliases }] } });

put('path/a', plugin('io.example.OrdersSourceConnector', 'source', ['com.old.OrdersSource']));
put('path/b', plugin('io.other.CacheSink', 'sink'));
put('path/@scope/c', plugin('io.scoped.ThingConverter', 'converter'));
put('path/twin-1', plugin('one.TwinConnector', 'sink'));
put('path/twin-2', plugin('two.TwinConnector', 'sink'));
for (const version of ['1.10.0', '2.0.0-rc1', '1.9.0']) put(`path/cdc-${version}`, plugin('io.cdc.CdcConnector', 'source', ['Old'], version));
put('path/future', { millrace: { apiVersion: 2, plugins: [] } });
put('path/broken', '{ "millrace": ');
put('path/no-type', { millrace: { apiVersion: 1, plugins: [{ class: 'x.Y', entry: './x.js' }] } });
put('path/other', { name: 'just a package' });
put('app/node_modules/d', plugin('io.installed.InstalledSourceConnector', 'source'));

const warnings: unknown[] = [];
const catalog = PluginCatalog.discover({ pluginPath: [path.join(folder, 'path')], roots: [path.join(folder, 'app/deep/er')], logger: { ...SILENT_LOGGER, warn: (fields) => void warnings.push(fields) } });

describe('PluginCatalog', () => {
  it.each([
    ['connector', 'io.example.OrdersSourceConnector', 'io.example.OrdersSourceConnector'],
    ['connector', 'OrdersSourceConnector', 'io.example.OrdersSourceConnector'],
    ['connector', 'OrdersSource', 'io.example.OrdersSourceConnector'],
    ['connector', 'com.old.OrdersSource', 'io.example.OrdersSourceConnector'],
    ['connector', 'CacheSink', 'io.other.CacheSink'],
    ['connector', 'InstalledSource', 'io.installed.InstalledSourceConnector'],
    ['converter', 'Thing', 'io.scoped.ThingConverter'],
    ['converter', 'Json', 'org.apache.kafka.connect.json.JsonConverter'],
    ['converter', 'org.apache.kafka.connect.storage.StringConverter', 'org.apache.kafka.connect.storage.StringConverter'],
    ['header_converter', 'Simple', 'org.apache.kafka.connect.storage.SimpleHeaderConverter'],
  ] as const)('finds a %s by %s', (kind, name, expected) => {
    expect(catalog.find(kind, name).class).toBe(expected);
  });

  it('answers unknown and ambiguous names with Connect’s words', () => {
    expect(() => catalog.find('connector', 'Nope')).toThrow(/^Failed to find any class that implements Connector and which name matches Nope, available connectors are: PluginDesc\{klass=class io\.example/);
    expect(() => catalog.find('converter', 'Nope')).toThrow(/^Failed to find any class that implements Converter and which name matches Nope, available converters are: io\.scoped\.ThingConverter, org\.apache/);
    expect(() => catalog.find('connector', 'Twin')).toThrow(/^More than one connector matches alias Twin\./);
    expect(catalog.find('connector', 'two.TwinConnector').folder).toMatch(/twin-2$/);
  });

  it.each([
    [undefined, '2.0.0-rc1'],
    ['latest', '2.0.0-rc1'],
    ['1.9', '1.9.0'],
    ['[1.9,2.0-alpha)', '1.10.0'],
    ['(,1.10)', '1.9.0'],
  ])('of several versions takes the newest in the range %s', (range, version) => {
    for (const name of ['io.cdc.CdcConnector', 'CdcConnector', 'Cdc', 'Old']) expect(catalog.find('connector', name, range)).toMatchObject({ version, folder: path.join(folder, `path/cdc-${version}`) });
    expect(catalog.versions('connector', 'Cdc')).toEqual(['1.9.0', '1.10.0', '2.0.0-rc1']);
  });

  it('says which versions there are', () => {
    expect(() => catalog.find('connector', 'Cdc', '[3,)')).toThrow('Plugin io.cdc.CdcConnector not found that matches the version range [3,), available versions: [1.9.0, 1.10.0, 2.0.0-rc1]');
    expect(() => catalog.find('connector', 'Cdc', '[3')).toThrow('Unbounded range: [3');
    expect(catalog.lookup('connector', 'Cdc', '[3')).toBeUndefined();
  });

  it('skips broken manifests and says which', () => {
    expect(warnings.map((it) => path.basename((it as { folder: string }).folder)).sort()).toEqual(['broken', 'future', 'no-type']);
  });
});
