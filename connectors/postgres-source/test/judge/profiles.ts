/** A set of settings under which the scripts are recorded. Both connectors run all profiles at the same time, on one database. */
export interface Profile {
  readonly name: string;
  readonly settings: Readonly<Record<string, string>>;
}

const MARKER = 'judge\\.marker';
const tables = (...names: string[]): string => [MARKER, ...names.map((it) => (it.includes('\\.') ? it : `public\\.${it}`))].join(',');
const TYPE_TABLES = tables('numbers', 'texts', 'times', 'bits', 'nets', 'shapes', 'maps', 'arrays', 'dropped_types', 'toasted', 'defaults', 'enums', 'domains', 'decimal_key', 'time_key');

function signalled(strategy: string): Record<string, string> {
  return {
    'table.include.list': tables('chunked', 'chunked_pair', 'no_key', 'empty_table', 'composite_key', 'decimal_key', 'emails', 'UPPER', 'numbers', 'texts', 'times', 'bits', 'nets', 'maps', 'defaults', 'retyped'),
    'snapshot.mode': 'no_data', 'signal.data.collection': 'public.signals_OWNER', 'incremental.snapshot.watermarking.strategy': strategy, 'notification.enabled.channels': 'sink', 'notification.sink.topic.name': 'notifications',
  };
}

const ALL: readonly Profile[] = [
  { name: 'plain', settings: { 'skipped.operations': 'none' } },
  {
    name: 'double_micros_base64_map_string',
    settings: {
      'table.include.list': TYPE_TABLES, 'decimal.handling.mode': 'double', 'time.precision.mode': 'adaptive_time_microseconds', 'binary.handling.mode': 'base64', 'hstore.handling.mode': 'map', 'interval.handling.mode': 'string',
    },
  },
  { name: 'string_connect_hex', settings: { 'table.include.list': TYPE_TABLES, 'decimal.handling.mode': 'string', 'time.precision.mode': 'connect', 'binary.handling.mode': 'hex', 'money.fraction.digits': '0' } },
  { name: 'isostring_base64url_placeholder', settings: { 'table.include.list': TYPE_TABLES, 'time.precision.mode': 'isostring', 'binary.handling.mode': 'base64-url-safe', 'unavailable.value.placeholder': 'n/a', 'money.fraction.digits': '4' } },
  { name: 'microseconds_unknown', settings: { 'table.include.list': TYPE_TABLES, 'time.precision.mode': 'microseconds', 'include.unknown.datatypes': 'true', 'unavailable.value.placeholder': 'hex:00ff' } },
  { name: 'nanoseconds_propagate', settings: { 'table.include.list': TYPE_TABLES, 'time.precision.mode': 'nanoseconds', 'column.propagate.source.type': '.*', 'include.schema.comments': 'true' } },
  { name: 'propagate_types', settings: { 'table.include.list': tables('numbers', 'times', 'people', 'domains'), 'datatype.propagate.source.type': '.+\\.(int4|numeric|varchar|timestamptz|INT2)', 'include.schema.comments': 'true' } },
  { name: 'avro', settings: { 'table.include.list': tables('.*dd N.*', 'with-dash.*', 'texts', 'UPPER', 'enums'), 'schema.name.adjustment.mode': 'avro', 'field.name.adjustment.mode': 'avro' } },
  { name: 'avro_unicode', settings: { 'table.include.list': tables('.*dd N.*', 'with-dash.*', 'texts', 'UPPER', 'enums'), 'schema.name.adjustment.mode': 'avro_unicode', 'field.name.adjustment.mode': 'avro_unicode' } },
  {
    name: 'masks',
    settings: {
      'table.include.list': tables('people', 'text_key', 'numbers'), 'column.truncate.to.5.chars': 'public.people.name,public.text_key.k', 'column.mask.with.4.chars': 'public.people.phone', 'column.mask.with.0.chars': 'public.people.note',
      'column.mask.hash.SHA-256.with.salt.CzQMA0cB5K': 'public.text_key.v',
    },
  },
  { name: 'masks_v2', settings: { 'table.include.list': tables('people', 'text_key'), 'column.mask.hash.v2.SHA-512.with.salt.abc': 'public.people.name,public.text_key.v', 'column.mask.hash.MD5.with.salt.x': 'public.people.phone', 'column.truncate.to.3.chars': 'public.people.note' } },
  { name: 'transactions', settings: { 'table.include.list': tables('emails', 'parent', 'child', 'cut', 'identity_switch', 'bulk', 'multi_a'), 'provide.transaction.metadata': 'true', 'skipped.operations': 'none' } },
  {
    name: 'keys',
    settings: {
      'table.include.list': tables('people', 'cut', 'no_key', 'composite_key', 'full_identity', 'identity_switch', 'emails', 'numbers'), 'message.key.columns': 'public.people:name,born;public.no_key:b;(.*).full_identity:a', 'tombstones.on.delete': 'false',
      'column.exclude.list': 'public\\.people\\.(id|secret),public\\.composite_key\\.b', 'extended.headers.enabled': 'false', 'skip.messages.without.change': 'true', 'topic.delimiter': '_',
    },
  },
  { name: 'roots', settings: { 'table.include.list': tables('part', 'quoted_part', 'inherited_base', 'inherited'), 'publication.name': 'judge_roots', 'publish.via.partition.root': 'true' } },
  {
    name: 'overrides',
    settings: {
      'table.include.list': tables('people', 'numbers', 'cut', 'texts'), 'skipped.operations': 'd,t', 'snapshot.include.collection.list': 'public.people,public.numbers,judge.marker', 'snapshot.select.statement.overrides': 'public.people,public.numbers',
      'snapshot.select.statement.overrides.public.people': 'select * from public.people where id > 1 order by id desc', 'snapshot.select.statement.overrides.public.numbers': 'select * from public.numbers where id = 1',
      'column.include.list': 'judge\\.marker\\.n,public\\.people\\.(id|name),public\\.numbers\\.(id|i4|nd),public\\.cut\\..*',
    },
  },
  { name: 'signals', settings: { ...signalled('insert_insert'), 'incremental.snapshot.chunk.size': '3' } },
  { name: 'signals_deleted', settings: { ...signalled('insert_delete'), 'incremental.snapshot.chunk.size': '1000' } },
];

/** JUDGE_ONLY: an expression for the names of those to run, to look at a few. */
export const PROFILES = ALL.filter((it) => new RegExp(process.env.JUDGE_ONLY ?? '').test(it.name));

/** What both connectors are given besides the settings of the profile. */
export function judgedConfig(profile: Profile, owner: string): Record<string, string> {
  return {
    'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
    name: profile.name,
    'topic.prefix': profile.name,
    'slot.name': `${owner}_${profile.name}`,
    'plugin.name': 'pgoutput',
    'publication.name': 'judge',
    'poll.interval.ms': '5',
    'status.update.interval.ms': '1000',
    ...Object.fromEntries(Object.entries(profile.settings).map(([key, value]) => [key, value.replace('OWNER', owner)])),
  };
}
