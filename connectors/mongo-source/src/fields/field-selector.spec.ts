import { BSON } from 'mongodb';
import { FieldSelector } from './field-selector.js';

const bytes = (value: BSON.Document): Buffer => Buffer.from(BSON.serialize(value));
const read = (value: Buffer): BSON.Document => BSON.deserialize(value);

describe('fields that are left out or renamed', () => {
  it('are those of the collections that are named', () => {
    const selector = new FieldSelector('shop.*.secret, *.people.name.last', 'shop.orders.a:b');
    expect(selector.filterFor('else.where')).toBeUndefined();
    expect(read(selector.filterFor('SHOP.orders')!.document(bytes({ secret: 1, a: 2, c: 3 }), 0))).toEqual({ c: 3, b: 2 });
    expect(read(selector.filterFor('x.people')!.document(bytes({ name: { first: 'A', last: 'B' }, list: [1] }), 0))).toEqual({ name: { first: 'A' }, list: [1] });
  });

  it('are found in arrays of documents, and nowhere else', () => {
    const filter = new FieldSelector('d.c.rows.x', null).filterFor('d.c')!;
    expect(read(filter.document(bytes({ rows: [{ x: 1, y: 2 }, 3, [{ x: 4 }]] }), 0))).toEqual({ rows: [{ y: 2 }, 3, [{ x: 4 }]] });
    expect(read(filter.document(bytes({ rows: 'text' }), 0))).toEqual({ rows: 'text' });
  });

  it('are found in the paths of updates, whole, inside, and around', () => {
    const excluded = new FieldSelector('d.c.a.b', null).filterFor('d.c')!;
    expect(read(excluded.changes(bytes({ 'a.b': 1, z: 1 }), 0))).toEqual({ z: 1 });
    expect(read(excluded.changes(bytes({ 'a.0.b.deep': 1, z: 1 }), 0))).toEqual({ z: 1 });
    expect(read(excluded.changes(bytes({ a: { b: 1, c: 2 }, z: 1 }), 0))).toEqual({ a: { c: 2 }, z: 1 });
    const renamed = new FieldSelector(null, 'd.c.a.b:n').filterFor('d.c')!;
    expect(read(renamed.changes(bytes({ 'a.0.b.deep': 1 }), 0))).toEqual({ 'a.0.n.deep': 1 });
    expect(read(renamed.changes(bytes({ a: [{ b: 1 }] }), 0))).toEqual({ a: [{ n: 1 }] });
    expect([excluded.path('a.b'), excluded.path('a.b.x'), excluded.path('a'), renamed.path('a.1.b'), renamed.path('other')]).toEqual([undefined, undefined, 'a', 'a.1.n', 'other']);
  });

  it('never take the place of another field in silence', () => {
    const filter = new FieldSelector(null, 'd.c.a:b').filterFor('d.c')!;
    expect(() => filter.document(bytes({ a: 1, b: 2 }), 0)).toThrow('already has: b');
  });
});
