import { parseSinkSettings, validateOffline } from './sink-settings.js';

const URL = { 'connection.url': 'jdbc:postgresql://db/shop', 'connection.username': 'me' };
const errors = (config: Record<string, string>): Record<string, string[]> => Object.fromEntries(validateOffline(config).filter((it) => it.errors.length > 0).map((it) => [it.name, it.errors]));

test('the config of the comparing benchmark is taken as it is', () => {
  const config = {
    'connector.class': 'io.debezium.connector.jdbc.JdbcSinkConnector', 'tasks.max': '1', topics: 'a.public.t', 'connection.url': 'jdbc:postgresql://127.0.0.1:5432/b_to', 'connection.username': 'postgres', 'connection.password': 'x', 'insert.mode': 'upsert', 'delete.enabled': 'true',
    'primary.key.mode': 'record_key', 'schema.evolution': 'basic', 'collection.name.format': 't', 'table.name.format': 't', 'batch.size': '2000', 'consumer.override.max.poll.records': '2000', 'consumer.override.auto.offset.reset': 'earliest',
    'key.converter': 'org.apache.kafka.connect.json.JsonConverter', 'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
  };
  expect(errors(config)).toEqual({});
  expect(parseSinkSettings(config)).toMatchObject({ insertMode: 'upsert', deleteEnabled: true, truncateEnabled: false, keyMode: 'record_key', evolve: true, nameFormat: 't', quoteIdentifiers: false, flushRetriesMax: 5, flushRetryDelayMs: 1000 });
});

test('Confluent\'s names mean the same', () => {
  const settings = parseSinkSettings({
    'connection.url': 'jdbc:postgresql://db/shop', 'connection.user': 'me', 'insert.mode': 'upsert', 'pk.mode': 'record_value', 'pk.fields': 'a,b', 'auto.create': 'true', 'auto.evolve': 'false', 'max.retries': '7', 'retry.backoff.ms': '9', 'quote.sql.identifiers': 'always', 'table.name.format': 'x_${topic}', 'fields.whitelist': 'a,b,c',
  });
  expect(settings).toMatchObject({ connection: { user: 'me' }, keyMode: 'record_value', keyFields: ['a', 'b'], evolve: true, flushRetriesMax: 7, flushRetryDelayMs: 9, quoteIdentifiers: true, nameFormat: 'x_${topic}' });
  expect(settings.includeField('t', 'd')).toBe(false);
});

test('a setting under its present name wins over its former name', () => {
  expect(parseSinkSettings({ ...URL, 'collection.name.format': 'new', 'table.name.format': 'old' }).nameFormat).toBe('new');
});

test('settings that contradict each other, each at its key', () => {
  expect(Object.keys(errors({ ...URL, 'insert.mode': 'upsert' }))).toEqual(['insert.mode']);
  expect(Object.keys(errors({ ...URL, 'delete.enabled': 'true' }))).toEqual(['delete.enabled']);
  expect(Object.keys(errors({ ...URL, 'field.include.list': 'a', 'field.exclude.list': 'b' }))).toEqual(['field.exclude.list']);
  expect(Object.keys(errors({ 'connection.url': 'jdbc:postgresql://db/shop' }))).toEqual(['connection.username']);
  expect(Object.keys(errors({ ...URL, 'connection.url': 'jdbc:oracle:x' }))).toEqual(['connection.url']);
  expect(errors({ 'connection.url': 'postgres://me@db/shop' })).toEqual({});
});

test('what is known but not built is an error by name with any value but its default', () => {
  expect(errors({ ...URL, 'column.naming.strategy': 'io.debezium.connector.jdbc.naming.DefaultColumnNamingStrategy', 'collection.table.format': '${table}' })).toEqual({});
  const refused = errors({ ...URL, 'column.naming.strategy': 'my.Strategy', 'collection.table.format': 'x', 'dialect.sqlserver.identity.insert': 'true', 'table.naming.strategy': 'my.Tables' });
  expect(Object.keys(refused).sort()).toEqual(['collection.naming.strategy', 'collection.table.format', 'column.naming.strategy', 'dialect.sqlserver.identity.insert']);
});

test('a password is in no answer', () => {
  const values = validateOffline({ ...URL, 'connection.password': 's3cret', 'insert.mode': 'wrong' });
  expect(JSON.stringify(values)).not.toContain('s3cret');
  expect(JSON.stringify(parseSinkSettings({ ...URL, 'connection.password': 's3cret' }))).not.toContain('s3cret');
});

test('offsets in the target are off unless they are asked for; names of tables are checked', () => {
  expect(parseSinkSettings(URL).exactlyOnce).toBeUndefined();
  expect(parseSinkSettings({ ...URL, 'exactly.once': 'true', 'offsets.table.name': 'Own.Offsets' }).exactlyOnce).toEqual({ table: { schema: 'own', name: 'offsets' }, fencedWaitMs: 60_000 });
  expect(Object.keys(errors({ ...URL, 'offsets.table.name': 'a..b', 'topics.to.tables.mapping': 'topic' })).sort()).toEqual(['offsets.table.name', 'topics.to.tables.mapping']);
  expect(errors({ ...URL, 'topics.to.tables.mapping': 'a.b-c:t, d:s.u' })).toEqual({});
});
