import fc from 'fast-check';
import { locateCopyLine, locateTuple, newSpans, NULL, tupleFromCopyLine } from './row-spans.js';

/** As COPY TO in text form writes a value. */
function copyField(value: string | null): string {
  if (value === null) return '\\N';
  const escapes: Record<string, string> = { '\\': '\\\\', '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\v': '\\v' };
  return value.replace(/[\\\b\f\n\r\t\v]/g, (it) => escapes[it]!);
}

describe('rows of COPY', () => {
  const value = fc.option(fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('\\N', 'N', '\t', 'a\nb', '\\', '')));

  it('keep every value and every null', () => {
    const spans = newSpans();
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 8 }), (row) => {
        const line = Buffer.from(`..${row.map(copyField).join('\t')}\n`, 'utf8');
        const isPlain = !line.includes('\\');
        let bytes: Buffer = line;
        if (isPlain) locateCopyLine(line, 2, line.length - 1, spans);
        else {
          bytes = tupleFromCopyLine(line, 2, line.length - 1);
          expect(locateTuple(bytes, 0, spans)).toBe(bytes.length);
        }
        const seen = row.map((_, i) => (spans.starts[i] === NULL ? null : bytes.toString('utf8', spans.starts[i], spans.ends[i])));
        expect(seen).toEqual(row.map((it) => it && Buffer.from(it, 'utf8').toString('utf8')));
      }),
    );
  });
});
