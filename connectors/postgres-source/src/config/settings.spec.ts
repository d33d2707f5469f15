import type { OffsetMap } from '@millrace/connect-api';
import { PostgresSourceConnector } from '../postgres-source-connector.js';
import { CaptureFilter } from './capture-filter.js';
import { SETTINGS } from './settings.js';
import { splitRegexList } from './regex-list.js';
import { validateTogether } from '../validate-connection.js';

const REQUIRED = { 'database.hostname': 'h', 'database.user': 'u', 'database.dbname': 'd', 'topic.prefix': 'p' };

function errors(config: Record<string, string>): Record<string, string[]> {
  const values = SETTINGS.validate(config);
  validateTogether(config, values);
  return Object.fromEntries(values.filter((it) => it.errors.length > 0).map((it) => [it.name, it.errors]));
}

describe('settings', () => {
  it('accept the defaults of every setting, written out', () => {
    const defaults = Object.fromEntries(Object.entries(SETTINGS.keys as Record<string, { default?: string | null }>).flatMap(([name, key]) => (typeof key.default === 'string' ? [[name, key.default]] : [])));
    expect(errors({ ...REQUIRED, ...defaults })).toEqual({});
    expect(errors({ ...REQUIRED, 'some.unknown.setting': 'x' })).toEqual({});
  });

  it('name what is missing', () => {
    expect(Object.keys(errors({}))).toEqual(['database.hostname', 'database.user', 'database.dbname', 'topic.prefix']);
  });

  it.each([
    ['plugin.name', 'decoderbufs', /Only the plugin pgoutput is supported/],
    ['slot.name', 'Bad-Name', /Valid replication slot name must contain only digits, lowercase characters and underscores with length <= 63/],
    ['topic.prefix', 'a b', /invalid format/],
    ['signal.data.collection', 'signals', /schema\.table is expected/],
    ['converters', 'isbn', /not supported yet/],
    ['time.precision.mode', 'structured', /String must be one of/],
    ['snapshot.mode', 'custom', /String must be one of/],
    ['table.include.list', 'a(', /valid regular expressions/],
    ['message.key.columns', 'nocolumns', /does not have the form table:column,column/],
    ['replica.identity.autoset.values', 'a.b:SOMETHING', /does not have the form/],
    ['column.truncate.to.20.chars', 'a.b.(c', /Invalid regular expression/],
    ['column.mask.hash.SHA-999.with.salt.x', 'a.b.c', /The digest SHA-999 is not known/],
    ['snapshot.select.statement.overrides', 'public.t', /public\.t with the statement is missing/],
  ])('refuse %s=%s', (name, value, message) => expect(errors({ ...REQUIRED, [name]: value })[name]?.join()).toMatch(message));

  it('refuse an include list together with an exclude list', () => {
    expect(errors({ ...REQUIRED, 'table.include.list': 'a', 'table.exclude.list': 'b' })).toEqual({ 'table.exclude.list': [`The 'table.exclude.list' value is invalid: "table.include.list" is already specified`] });
  });

  it('do not connect anywhere before they are well formed', async () => {
    const values = await new PostgresSourceConnector().validate({ 'database.password': 'Geheimnis-7' });
    expect(values.filter((it) => it.errors.length > 0)).toHaveLength(4);
    expect(JSON.stringify(values)).not.toContain('Geheimnis-7');
  });
});

describe('CaptureFilter', () => {
  it('anchors expressions, ignores case, and lets commas be escaped', () => {
    const filter = new CaptureFilter({ 'table.include.list': 'public\\.A, s\\.t\\d{1\\,2}' });
    expect([['public', 'a'], ['public', 'ab'], ['xpublic', 'a'], ['s', 't12'], ['s', 't123']].map(([schema, table]) => filter.includesTable(schema!, table!))).toEqual([true, false, false, true, false]);
    expect(splitRegexList('a, b\\,c ,,')).toEqual(['a', 'b,c']);
  });

  it('never captures system schemas', () => {
    const filter = new CaptureFilter({});
    expect(['pg_catalog', 'information_schema', 'pg_toast_1', 'pg_temp_3', 'mine'].map((it) => filter.includesTable(it, 't'))).toEqual([false, false, false, false, true]);
  });

  it('orders tables as the include list does', () => {
    const tables = ['c', 'b', 'a'].map((table) => ({ schema: 's', table }));
    expect(new CaptureFilter({}).inSnapshotOrder(tables).map((it) => it.table)).toEqual(['a', 'b', 'c']);
    expect(new CaptureFilter({ 'table.include.list': 's\\.c,s\\.[ab]' }).inSnapshotOrder(tables).map((it) => it.table)).toEqual(['c', 'a', 'b']);
  });

  it('finds chosen keys', () => {
    const filter = new CaptureFilter({ 'message.key.columns': 's\\.t:a,b;(.*)\\.u:c' });
    expect([filter.keyColumns('s', 't'), filter.keyColumns('x', 'u'), filter.keyColumns('s', 'v')]).toEqual([['a', 'b'], ['c'], undefined]);
  });
});

describe('altered offsets', () => {
  const alter = (partition: OffsetMap, offset: OffsetMap | null): boolean => new PostgresSourceConnector().alterOffsets({ ...REQUIRED, 'topic.prefix': 'p' }, new Map([[partition, offset]]));

  it('are those of Debezium, for the one partition', () => {
    expect(alter({ server: 'p' }, { lsn: 5, txId: 7, ts_usec: 1, snapshot: 'INITIAL', snapshot_completed: true, last_snapshot_record: true })).toBe(false);
    expect(alter({ server: 'p' }, null)).toBe(false);
  });

  it.each<[OffsetMap, OffsetMap, RegExp]>([
    [{ server: 'q' }, { lsn: 1 }, /partition of this connector is \{"server":"p"\}/],
    [{ server: 'p', more: 1 }, { lsn: 1 }, /partition of this connector/],
    [{ server: 'p' }, {}, /needs the member lsn/],
    [{ server: 'p' }, { lsn: '0/16B3748' }, /member lsn of an offset must be a whole number/],
    [{ server: 'p' }, { lsn: 1, lsn_commit: -1 }, /member lsn_commit/],
  ])('refuses %j with %j', (partition, offset, message) => expect(() => alter(partition, offset)).toThrow(message));
});
