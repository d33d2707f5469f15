/** One measured figure of one side in one round. */
export interface Figure {
  readonly side: 'millrace' | 'java';
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly isBetter: 'higher' | 'lower';
}

/** The best of each side's rounds and the ratio ours / theirs, so that above 1 is better for us whichever way the figure points. */
export function comparisonTable(figures: readonly Figure[]): string {
  const names = [...new Set(figures.map((it) => it.name))];
  const rows = names.map((name) => {
    const of = (side: Figure['side']): number | undefined => best(figures.filter((it) => it.name === name && it.side === side));
    const { unit, isBetter } = figures.find((it) => it.name === name)!;
    const [ours, theirs] = [of('millrace'), of('java')];
    const ratio = ours === undefined || theirs === undefined ? undefined : isBetter === 'higher' ? ours / theirs : theirs / ours;
    return [name, text(ours), text(theirs), unit, ratio === undefined ? '-' : `${ratio.toFixed(2)} x`];
  });
  return align([['figure', 'millrace', 'java', 'unit', 'better by'], ...rows]);
}

function best(figures: readonly Figure[]): number | undefined {
  if (figures.length === 0) return undefined;
  const values = figures.map((it) => it.value);
  return figures[0]!.isBetter === 'higher' ? Math.max(...values) : Math.min(...values);
}

function text(value: number | undefined): string {
  if (value === undefined) return '-';
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(1);
}

function align(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))).join('  ')).join('\n');
}
