import { ConfigError, DataError, DATE_NAME, Decimal, decimalSchema, LazyStruct, Schema, type SinkRecord, Struct, type ValueWriter } from '@millrace/connect-api';
import fc from 'fast-check';
import { sinkRecord } from '@millrace/connect-testkit';
import { map } from '../../test/task-driver.js';
import { parseHttpSinkSettings } from '../config/http-sink-settings.js';
import { MessageId } from '../attempt/message-id.js';
import { type RenderedItem, MessageTemplate } from './message-template.js';

function messages(config: Readonly<Record<string, string>> = {}): MessageTemplate {
  const settings = parseHttpSinkSettings({ 'http.api.url': 'http://api.example/v1', ...config });
  return new MessageTemplate(settings.message, settings.batch);
}

function render(config: Readonly<Record<string, string>>, parts: Parameters<typeof sinkRecord>[0]): RenderedItem {
  const item = messages(config).render(sinkRecord(parts), ID);
  if (item === 'ignored') throw new Error('ignored');
  return item;
}

const ID = new MessageId('c', sinkRecord({}));
const body = (config: Readonly<Record<string, string>>, parts: Parameters<typeof sinkRecord>[0]): string => Buffer.from(render(config, parts).body ?? []).toString('utf8');
const path = (url: string, parts: Parameters<typeof sinkRecord>[0]): string => render({ 'http.api.url': url }, parts).target.path;

const ADDRESS = Schema.struct({ city: Schema.of('string'), zip: Schema.of('int32', { optional: true }) }, { name: 'Address', optional: true });
const ORDER = Schema.struct({ id: Schema.of('int64'), amount: decimalSchema(2), day: Schema.of('int32', { name: DATE_NAME }), paid: Schema.of('boolean'), address: ADDRESS, tags: Schema.array(Schema.of('string')), photo: Schema.of('bytes', { optional: true }) });
const order = new Struct(ORDER, {
  id: 9007199254740993n, amount: Decimal.parse('12.50', 2), day: new Date('2026-11-21T00:00:00Z'), paid: true, address: new Struct(ADDRESS, { city: 'Zü"rich', zip: null }), tags: ['a', 'b\n'], photo: Uint8Array.of(1, 2, 255),
});

class Lazy extends LazyStruct {
  constructor(readonly schema: Schema, private readonly write: (writer: ValueWriter) => void) {
    super();
  }
  visit(writer: ValueWriter): void {
    if (!writer.beginStruct(this.schema)) return;
    this.write(writer);
    writer.endStruct();
  }
}

describe('the body', () => {
  test('a struct as JSON, with every digit, its dates as Connect counts them', () => {
    expect(body({}, { valueSchema: ORDER, value: order })).toBe('{"id":9007199254740993,"amount":12.50,"day":20778,"paid":true,"address":{"city":"Zü\\"rich","zip":null},"tags":["a","b\\n"],"photo":"AQL/"}');
    expect(JSON.parse(body({ 'json.decimal.format': 'BASE64' }, { valueSchema: ORDER, value: order }))).toMatchObject({ amount: 'BOI=' });
  });

  test('text and bytes go as they are; as JSON if asked', () => {
    expect(body({}, { value: '{"raw":1}' })).toBe('{"raw":1}');
    expect([...(render({}, { value: Uint8Array.of(0, 255) }).body ?? [])]).toEqual([0, 255]);
    expect(body({ 'request.body.format': 'json' }, { value: 'a"b' })).toBe('"a\\"b"');
    expect(body({ 'request.body.format': 'string' }, { value: 12n })).toBe('12');
  });

  test('a template escapes for the place: JSON values and parts of strings', () => {
    const template = '{"id": ${value.id}, "who": "Mr. ${value.name}!", "all": ${value}, "where": "${topic}/${partition}/${offset}", "q": "\\"${key}\\"", "t": ${timestamp}, "d": "${id}", "dollar": "$${x}"}';
    const text = body({ 'request.body.template': template }, { key: 'k"', value: map({ id: 5n, name: 'O"Brien\n' }), partition: 3, offset: 42 });
    expect(JSON.parse(text)).toEqual({ id: 5, who: 'Mr. O"Brien\n!', all: { id: 5, name: 'O"Brien\n' }, where: 't/3/42', q: '"k""', t: 1_700_000_000_000, d: ID.toString(), dollar: '${x}' });
  });

  test('and for XML and forms', () => {
    const value = map({ a: '<b>&"' });
    expect(body({ 'request.body.template': '<a x="${value.a}"/>', 'http.headers.content.type': 'application/soap+xml' }, { value })).toBe('<a x="&lt;b&gt;&amp;&quot;"/>');
    expect(body({ 'request.body.template': 'a=${value.a}&b=1', 'http.headers.content.type': 'application/x-www-form-urlencoded' }, { value })).toBe('a=%3Cb%3E%26%22&b=1');
    expect(body({ 'request.body.template': '${value.a}', 'http.headers.content.type': 'text/plain' }, { value })).toBe('<b>&"');
  });

  test('whatever a field holds, a JSON template stays what it was', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
      const text = body({ 'request.body.template': '{"a":"x${value.a}y","b":${value.b}}' }, { value: map({ a, b }) });
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify({ a: `x${a}y`, b })));
    }));
  });
});

describe('the URL', () => {
  test('values are percent-encoded in path and query', () => {
    const value = map({ id: 'a/b?c#d&e=é', n: 7n });
    expect(path('http://api.example/orders/${value.id}/x?q=${value.id}&n=${value.n}', { value })).toBe('/orders/a%2Fb%3Fc%23d%26e%3D%C3%A9/x?q=a%2Fb%3Fc%23d%26e%3D%C3%A9&n=7');
    expect(render({ 'http.request.parameters': 'k=${key}&v=1', 'http.api.url': 'http://api.example/?a=b' }, { key: 'x y', value }).target.path).toBe('/?a=b&k=x%20y&v=1');
  });

  test('no value leaves its segment of the path', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.constantFrom('.', '..', '%2e%2e', '../..', '..\\', '', '/')), (id) => {
      try {
        const target = path('http://api.example/a/${value.id}/z', { value: map({ id }) });
        expect(target.split('/').length).toBe(4);
        expect(target).toBe(`/a/${encodeURIComponent(id).replace(/'/g, "'")}/z`);
      } catch (error) {
        expect(error).toBeInstanceOf(DataError);
        expect(['', '.', '..'].includes(id) || /[\ud800-\udfff]/.test(id)).toBe(true);
      }
    }));
    expect(() => path('http://api.example/a/${value.x}${value.y}', { value: map({ x: '.', y: '.' }) })).toThrow(DataError);
  });

  test('a record may name the whole URL, or a part of the host', () => {
    expect(render({ 'http.api.url': '${header.to}' }, { value: 'x', headers: [{ key: 'to', schema: null, value: 'https://hooks.example:8443/a?b=c' }] }).target).toEqual({ origin: 'https://hooks.example:8443', hostname: 'hooks.example', path: '/a?b=c' });
    expect(render({ 'http.api.url': 'https://${value.tenant}.example/in' }, { value: map({ tenant: 'acme-1' }) }).target.origin).toBe('https://acme-1.example');
    for (const tenant of ['evil.test/', 'a@evil.test#', 'x:80', 'a b', '']) expect(() => render({ 'http.api.url': 'https://${value.tenant}.example/in' }, { value: map({ tenant }) })).toThrow(DataError);
    for (const to of ['file:///etc/passwd', '/relative', 'gopher://x', 'http://user:pass@x/']) expect(() => render({ 'http.api.url': '${value}' }, { value: to })).toThrow(DataError);
  });

  test('what cannot be a URL, or cannot be sent, is an error of the settings', () => {
    for (const url of ['nonsense', 'ftp://x/', 'http://u:p@x/', 'http://x/#${key}', '${key', 'ht${key}://x', 'http://x/${nothing}', 'http://x/${topic.a}', 'http://x/a/../b']) expect(() => messages({ 'http.api.url': url })).toThrow(ConfigError);
  });
});

describe('fields', () => {
  const cases: readonly (readonly [string, SinkRecord, string])[] = [
    ['${value.nope}', sinkRecord({ valueSchema: ORDER, value: order }), 'the record has no field nope'],
    ['${value.address.nope}', sinkRecord({ valueSchema: ORDER, value: order }), 'the record has no field nope'],
    ['${value.a.b}', sinkRecord({ value: map({ a: null }) }), 'what holds the field b is null'],
    ['${value.a}', sinkRecord({ value: map({ b: 1n }) }), 'the record has no field a'],
    ['${value.id.x}', sinkRecord({ valueSchema: ORDER, value: order }), 'the record has no field x'],
    ['${value.toString}', sinkRecord({ value: map({}) }), 'the record has no field toString'],
    ['${key.id}', sinkRecord({ value: 'x' }), 'what holds the field id is null'],
    ['${key}', sinkRecord({ value: 'x' }), 'is null'],
    ['${header.h}', sinkRecord({ value: 'x' }), 'the record has no such header'],
  ];
  test.each(cases)('%s: %#', (template, record, message) => {
    expect(() => messages({ 'http.api.url': `http://api.example/${template}` }).render(record, ID)).toThrow(new DataError(`${template}${message === 'is null' ? ' ' : ': '}${message}`));
  });

  test('paths into structs, maps and arrays, names with dots', () => {
    expect(path('http://api.example/${value.address.city}/${value.tags.0}/${value.amount}/${value.day}/${value.photo}', { valueSchema: ORDER, value: order })).toBe('/Z%C3%BC%22rich/a/12.50/20778/AQL%2F');
    expect(path("http://api.example/${value['a.b'].c}/${header['x.y']}", { value: map({ 'a.b': map({ c: 1n }) }), headers: [{ key: 'x.y', schema: null, value: 'h' }] })).toBe('/1/h');
  });
});

describe('headers', () => {
  test('of both vendors, with placeholders', () => {
    const request = render({ headers: 'X-A: 1|X-Topic:${topic}', 'http.headers.additional': 'X-B: 2, X-C: é' }, { value: 'x' });
    expect(request.headers).toEqual(['X-A', '1', 'X-Topic', 't', 'X-B', '2', 'X-C', 'Ã©']);
  });

  test('no value begins another header', () => {
    expect(() => render({ headers: 'X-A:${value}' }, { value: 'a\r\nX-B: 1' })).toThrow(DataError);
    expect(() => messages({ headers: 'X A: 1' })).toThrow(ConfigError);
    expect(() => messages({ headers: 'Host: x' })).toThrow(ConfigError);
  });
});

describe('records without a value', () => {
  const tombstone = { key: 'a/b', value: null };
  test('are ignored, deleted, sent or refused', () => {
    expect(messages().render(sinkRecord(tombstone), ID)).toBe('ignored');
    expect(render({ 'behavior.on.null.values': 'delete', 'http.api.url': 'http://api.example/things?x=1' }, tombstone)).toMatchObject({ method: 'DELETE', target: { path: '/things/a%2Fb?x=1' }, body: null });
    expect(render({ 'behavior.on.null.values': 'delete', 'http.api.url': 'http://api.example/by/${key}/it' }, tombstone).target.path).toBe('/by/a%2Fb/it');
    expect(body({ 'behavior.on.null.values': 'null' }, tombstone)).toBe('null');
    expect(() => render({ 'behavior.on.null.values': 'fail' }, tombstone)).toThrow(DataError);
    expect(() => render({ 'behavior.on.null.values': 'delete' }, { value: null })).toThrow(DataError);
  });
});

test('keys that are equal have equal texts, others do not', () => {
  const it = messages();
  const text = (parts: Parameters<typeof sinkRecord>[0]): string | null => it.keyText(sinkRecord(parts));
  const schema = Schema.struct({ id: Schema.of('int64') });
  expect(text({ keySchema: schema, key: new Struct(schema, { id: 1n }) })).toBe(text({ keySchema: schema, key: new Lazy(schema, (writer) => writer.integerText(Buffer.from('1'), 0, 1)) }));
  expect(new Set([text({ key: '1' }), text({ key: 1n }), text({ key: true }), text({ key: null }), text({ key: map({ id: 1n }) })]).size).toBe(5);
});
