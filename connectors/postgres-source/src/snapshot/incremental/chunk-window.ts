import type { RowBytes } from '../../rows/change-rows.js';
import { locateCopyLine, locateTuple, newSpans, type RowSpans } from '../../rows/row-spans.js';
import type { TablePlan } from '../../tables/table-plan.js';
import { Change, Tuple } from '../../wire/pgoutput.js';

const spans = newSpans();

/** The rows of a chunk that wait to be handed over. A row whose key changes in the meantime is left out: the change tells of it. */
export class ChunkWindow {
  private readonly rows = new Map<string, RowBytes>();
  /** Where a plan of this table has the columns that tell rows apart. */
  private readonly positions = new WeakMap<TablePlan, readonly number[]>();
  /** Changes count from here on. */
  isOpen = false;

  constructor(
    readonly plan: TablePlan,
    private readonly columns: readonly string[],
  ) {}

  get size(): number {
    return this.rows.size;
  }

  add(row: RowBytes): void {
    this.rows.set(this.keyOf(this.plan, row) ?? `#${this.rows.size}`, row);
  }

  values(): IterableIterator<RowBytes> {
    return this.rows.values();
  }

  /** A pgoutput insert, update or delete of a captured table. */
  changed(plan: TablePlan, bytes: Buffer, at: number): void {
    if (!this.isOpen || plan.collection !== this.plan.collection || this.rows.size === 0) return;
    this.forget(plan, { bytes, at: at + 6, end: 0 });
    if (bytes[at] === Change.update && bytes[at + 5] !== Tuple.new) this.forget(plan, { bytes, at: locateTuple(bytes, at + 6, spans) + 1, end: 0 });
  }

  private forget(plan: TablePlan, row: RowBytes): void {
    const key = this.keyOf(plan, row);
    if (key !== undefined) this.rows.delete(key);
  }

  /** Undefined: it does not have all of them. */
  private keyOf(plan: TablePlan, row: RowBytes): string | undefined {
    let positions = this.positions.get(plan);
    if (!positions) this.positions.set(plan, (positions = this.columns.map((it) => plan.columnNames.indexOf(it))));
    locate(row, spans);
    return positions.length === 0 || positions.some((it) => it < 0 || spans.starts[it]! < 0) ? undefined : positions.map((it) => textAt(row, spans, it)).join('\u0000');
  }
}

export function locate(row: RowBytes, into: RowSpans): void {
  if (row.end === 0) locateTuple(row.bytes, row.at, into);
  else locateCopyLine(row.bytes, row.at, row.end, into);
}

export function textAt(row: RowBytes, located: RowSpans, position: number): string | null {
  const start = located.starts[position]!;
  return start < 0 ? null : row.bytes.toString('utf8', start, located.ends[position]);
}
