import { emitFile } from './emit-file.js';
import { SchemaParser } from './schema-parser.js';

function parse(...lines: string[]): ReturnType<SchemaParser['parse']> {
  return new SchemaParser('sample', lines.join('\n')).parse();
}

describe('the schema notation', () => {
  it('gives each field its versions, null, default and tag', () => {
    const [message] = parse('# a comment', 'message Sample 2-5 flexible 4+ key 7', '  name string? 3+ = null ignorable', '  parts []Part null 4+', '    size int64 5 = -1 tag 3 exact', '  rest []Part').messages;
    expect(message).toMatchObject({ name: 'Sample', versions: { low: 2, high: 5 }, flexibleFrom: 4, key: 7 });
    expect(message?.root.fields).toMatchObject([
      { name: 'name', versions: { low: 3, high: 5 }, nullable: { low: 2, high: 5 }, default: 'null', ignorable: true },
      { name: 'parts', nullable: { low: 4, high: 5 }, type: { kind: 'array', element: { struct: { name: 'Part', fields: [{ name: 'size', versions: { low: 5, high: 5 }, default: '-1', tag: 3, exact: true }] } } } },
      { name: 'rest', type: { kind: 'array', element: { struct: { name: 'Part' } } } },
    ]);
  });

  it.each([
    [['message Sample 0', '  a int32 sometimes'], 'sample.schema:2: unknown word sometimes'],
    [['message Sample 0', '  a int33'], 'sample.schema:2: int33 has no fields'],
    [['message Sample 0', '   a int32'], 'sample.schema:2: indented by 3, not 2'],
    [['message Sample', '  a int32'], 'sample.schema:1: versions expected, not ""'],
    [['api 1 Sample 0', 'request', '  a int32'], 'sample.schema:1: an api has a request and a response'],
    [['api 1 Sample 0', 'question'], 'sample.schema:2: unknown word question'],
  ])('refuses %j with its line', (lines, message) => {
    expect(() => parse(...lines)).toThrow(message);
  });

  it('becomes straight code: a version that is settled is not asked for', () => {
    const text = emitFile(parse('message Sample 0-3 flexible 2+', '  a string 2+', '  b int32'));
    expect(text).toContain(`const a = version >= 2 ? readCompactString(reader) : '';`);
    expect(text).toContain('const b = reader.int32();');
  });
});
