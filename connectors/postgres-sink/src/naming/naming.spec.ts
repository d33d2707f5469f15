import fc from 'fast-check';
import { collectionName, parseTableName, readsSource } from './collection-name.js';
import { fieldFilter } from './field-filter.js';
import { catalogName, quoteIdentifier, quoteTable } from './identifier.js';

const source = (field: string): string => ({ schema: 'inventory', table: 'orders', db: 'shop' })[field] ?? 'none';

test.each([
  ['${topic}', 'server.public.orders', 'server_public_orders'],
  ['${original}', 'server.public.orders', 'server.public.orders'],
  ['kafka_${topic}_x', 'a.b', 'kafka_a_b_x'],
  ['${source.schema}.${source.table}', 'anything', 'inventory.orders'],
  ['${source.db}_${source.table}_${topic}', 'a.b', 'shop_orders_a_b'],
  ['t', 'a.b', 't'],
])('%s of %s is %s', (format, topic, expected) => {
  expect(collectionName(format, topic, source)).toBe(expected);
});

test('what a topic is called is not read as a format', () => {
  expect(collectionName('${topic}', '$&', source)).toBe('$&');
  expect(collectionName('x_${source.table}', 'a', () => '$&')).toBe('x_$&');
});

test('only the source block makes a name depend on the record', () => {
  expect(['${topic}', '${original}', 'a.b', '${source.table}'].map(readsSource)).toEqual([false, false, false, true]);
});

test('names of tables: folded, cut, split', () => {
  expect(parseTableName('Orders', false)).toEqual({ schema: undefined, name: 'orders' });
  expect(parseTableName('Sales.Orders', true)).toEqual({ schema: 'Sales', name: 'Orders' });
  expect(parseTableName('db.sales.orders', false)).toEqual({ schema: 'sales', name: 'orders' });
  expect(() => parseTableName('a..b', false)).toThrow('is not the name of a table');
  expect(() => parseTableName('a.b.c.d', false)).toThrow('is not the name of a table');
  expect(quoteTable({ schema: 'we"ird', name: 'ta ble' })).toBe('"we""ird"."ta ble"');
});

test('a name is cut to 63 bytes between characters', () => {
  expect(catalogName('a'.repeat(70), false)).toBe('a'.repeat(63));
  expect(catalogName(`${'a'.repeat(62)}é`, false)).toBe('a'.repeat(62));
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 80 }).filter((it) => Buffer.from(it).toString() === it), (name) => {
      const cut = catalogName(name, true);
      expect(name.startsWith(cut)).toBe(true);
      expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(63);
      expect(catalogName(cut, true)).toBe(cut);
    }),
  );
});

test('no name ends its own quotes', () => {
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom('"', 'a', ';', ' ', '\\', "'"), maxLength: 20 }), (name) => expect(quoteIdentifier(name).slice(1, -1).replaceAll('""', '')).not.toContain('"')));
});

test('fields by name, and by topic and name', () => {
  const all = fieldFilter([], []);
  const included = fieldFilter(['id', 'orders : total'], []);
  const excluded = fieldFilter([], ['secret', 'orders:note']);
  expect([all('t', 'x'), included('t', 'id'), included('orders', 'total'), included('t', 'total'), included('orders', 'x')]).toEqual([true, true, true, false, false]);
  expect([excluded('t', 'secret'), excluded('orders', 'note'), excluded('t', 'note'), excluded('t', 'x')]).toEqual([false, false, true, true]);
});
