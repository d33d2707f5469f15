import type { TablePlan } from '../tables/table-plan.js';
import { locateTuple, newSpans, UNCHANGED, type RowSpans } from '../rows/row-spans.js';

const spans = newSpans();

/**
 * Whether the key is the same in both rows. A key column that the old row lacks (the replica identity is an index without it) did not
 * come from the server: it counts as unchanged.
 */
export function isSameKey(plan: TablePlan, bytes: Buffer, old: RowSpans, current: RowSpans): boolean {
  return plan.keyColumns.every((i) => old.starts[i]! < 0 || isSameColumn(bytes, old, current, i));
}

export function isSameRow(plan: TablePlan, bytes: Buffer, old: RowSpans, current: RowSpans): boolean {
  return plan.valuePositions.every((i) => isSameColumn(bytes, old, current, i));
}

function isSameColumn(bytes: Buffer, old: RowSpans, current: RowSpans, i: number): boolean {
  const start = current.starts[i]!;
  const oldStart = old.starts[i]!;
  if (start === UNCHANGED) return true;
  if (start < 0 || oldStart < 0) return start === oldStart;
  const length = current.ends[i]! - start;
  if (length !== old.ends[i]! - oldStart) return false;
  for (let at = 0; at < length; at++) if (bytes[start + at] !== bytes[oldStart + at]) return false;
  return true;
}

/** Whether an enum column holds a label that was not there when the type was read. */
export function hasUnknownLabel(plan: TablePlan, bytes: Buffer, at: number): boolean {
  locateTuple(bytes, at, spans);
  return plan.enums.some(({ column, labels }) => spans.starts[column]! >= 0 && !labels.has(bytes.toString('utf8', spans.starts[column], spans.ends[column])));
}
