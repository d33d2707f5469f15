import type { InsertMode } from '../config/sink-settings.js';
import type { TargetTable } from '../catalog/target-table.js';
import type { PlannedColumn } from './row-plan.js';
import { type CopyBuffer, fieldBounds } from './copy-buffer.js';

export type SegmentKind = 'write' | 'delete';

/** Rows of one table with the same columns and the same fate. */
export class Segment {
  readonly rows: number[] = [];

  constructor(
    readonly table: TargetTable,
    readonly kind: SegmentKind,
    /** Key columns first. */
    readonly columns: readonly PlannedColumn[],
    readonly keyCount: number,
    /** Columns are left out that the row already has: it may not be insertable without them. */
    readonly partial: boolean,
  ) {}
}

/** The rows of a put, one after the other in a buffer; a row that was overtaken belongs to no segment any more. */
export class RowStore {
  private readonly starts: number[] = [];
  private readonly ends: number[] = [];
  private readonly owners: (Segment | null)[] = [];

  constructor(readonly buffer: CopyBuffer) {}

  add(segment: Segment, start: number, end: number): number {
    const row = this.starts.length;
    this.starts.push(start);
    this.ends.push(end);
    this.owners.push(segment);
    segment.rows.push(row);
    return row;
  }

  drop(row: number): void {
    this.owners[row] = null;
  }

  owner(row: number): Segment | null {
    return this.owners[row] ?? null;
  }

  bounds(row: number): readonly [start: number, end: number] {
    return [this.starts[row]!, this.ends[row]!];
  }

  /** The rows of a segment that are still alive. */
  live(segment: Segment): number[] {
    return segment.rows.filter((row) => this.owners[row] === segment);
  }

  /** Rows as the data of a COPY: each with its newline. */
  copyData(rows: readonly number[]): Uint8Array {
    const { bytes } = this.buffer;
    let size = 0;
    for (const row of rows) size += this.ends[row]! - this.starts[row]! + 1;
    const data = Buffer.allocUnsafe(size);
    let at = 0;
    for (const row of rows) {
      at += bytes.copy(data, at, this.starts[row]!, this.ends[row]!);
      data[at++] = 0x0a;
    }
    return data;
  }
}

/** A row that was just encoded at the end of the buffer. */
export interface EncodedRow {
  readonly start: number;
  readonly end: number;
  /** The text of its key columns; null if it has none. */
  readonly key: string | null;
}

/**
 * What a put does to one table. With a key the last operation on it wins.
 * Invariant 2: of one key at most one write and one deletion are alive, and a deletion precedes a write: deletions may all go first.
 */
export class TableBatch {
  truncate = false;
  /** Reduction cannot tell what the single operations would have done: they must be applied one by one. */
  sequential = false;
  private readonly segments = new Map<string, Segment>();
  private readonly byColumns = new Map<readonly PlannedColumn[], Segment>();
  private readonly writes = new Map<string, number>();
  private readonly deletes = new Map<string, number>();

  constructor(
    /** As it is now: it may get columns while the batch grows. */
    public table: TargetTable,
    private readonly mode: InsertMode,
    private readonly store: RowStore,
  ) {}

  /** Deletions first. */
  *parts(): Generator<Segment> {
    for (const segment of this.segments.values()) if (segment.kind === 'delete') yield segment;
    for (const segment of this.segments.values()) if (segment.kind === 'write') yield segment;
  }

  clear(): void {
    for (const segment of this.segments.values()) for (const row of segment.rows) this.store.drop(row);
    this.segments.clear();
    this.byColumns.clear();
    this.writes.clear();
    this.deletes.clear();
    this.truncate = true;
  }

  delete(row: EncodedRow, keyColumns: readonly PlannedColumn[]): void {
    const key = row.key ?? '';
    const written = this.writes.get(key);
    if (written !== undefined) this.store.drop(written);
    this.writes.delete(key);
    if (this.deletes.has(key)) return;
    this.deletes.set(key, this.store.add(this.segment('delete', keyColumns, keyColumns.length, false), row.start, row.end));
  }

  /** `missing`: positions among the columns whose value is to be left as it is; the row has a null there. */
  write(row: EncodedRow, columns: readonly PlannedColumn[], keyCount: number, missing: readonly number[]): void {
    const { key } = row;
    if (key === null) {
      this.add(row, columns, keyCount);
      return;
    }
    const before = this.writes.get(key);
    const gone = this.truncate || this.deletes.has(key);
    if (this.mode === 'insert') {
      if (before !== undefined) this.sequential = true;
      this.writes.set(key, this.add(row, columns, keyCount));
      return;
    }
    if (this.mode === 'update' && gone) return;
    const previous = before === undefined ? null : this.store.owner(before);
    if (before !== undefined) this.store.drop(before);
    if (previous === null) {
      // Where the row is gone there is nothing to leave as it is: the nulls stand.
      this.writes.set(key, missing.length === 0 || gone ? this.add(row, columns, keyCount) : this.addParts(partsOf(this.store.buffer, row, columns, missing), { columns, keyCount }));
    } else if (missing.length === 0 && (previous.columns === columns || covers(columns, previous.columns))) {
      this.writes.set(key, this.add(row, columns, keyCount));
    } else {
      const parts = partsOf(this.store.buffer, row, columns, missing);
      const [start, end] = this.store.bounds(before!);
      for (const part of partsOf(this.store.buffer, { start, end }, previous.columns, [])) if (!parts.some((it) => it.column.name === part.column.name)) parts.push(part);
      this.writes.set(key, this.addParts(parts, { columns, keyCount }));
    }
    this.forgetDelete(key);
  }

  private add(row: EncodedRow, columns: readonly PlannedColumn[], keyCount: number): number {
    return this.store.add(this.segment('write', columns, keyCount, false), row.start, row.end);
  }

  /** Of columns not in a record a deletion leaves the defaults: unless the write has them all the deletion must come first, too. */
  private forgetDelete(key: string): void {
    const row = this.deletes.get(key);
    const written = this.writes.get(key);
    const owner = written === undefined ? null : this.store.owner(written);
    if (row === undefined || owner === null || owner.columns.length !== this.table.columns.size) return;
    this.store.drop(row);
    this.deletes.delete(key);
  }

  /** A row put together of fields of others. */
  private addParts(parts: readonly RowPart[], { columns, keyCount }: { columns: readonly PlannedColumn[]; keyCount: number }): number {
    const { buffer } = this.store;
    const start = buffer.length;
    parts.forEach(({ from, to }, i) => {
      if (i > 0) buffer.byte(0x09);
      buffer.reserve(to - from);
      buffer.bytes.copy(buffer.bytes, buffer.length, from, to);
      buffer.length += to - from;
    });
    const partial = columns.some((column) => !parts.some((it) => it.column.name === column.name));
    return this.store.add(this.segment('write', parts.map((it) => it.column), keyCount, partial), start, buffer.length);
  }

  private segment(kind: SegmentKind, columns: readonly PlannedColumn[], keyCount: number, partial: boolean): Segment {
    if (kind === 'write' && !partial) {
      const known = this.byColumns.get(columns);
      if (known) return known;
    }
    const id = `${kind} ${partial} ${columns.map((it) => `${it.name}\0${it.stageType}`).join('\0\0')}`;
    let segment = this.segments.get(id);
    if (!segment) {
      segment = new Segment(this.table, kind, columns, keyCount, partial);
      this.segments.set(id, segment);
    }
    if (kind === 'write' && !partial) this.byColumns.set(columns, segment);
    return segment;
  }
}

function covers(columns: readonly PlannedColumn[], others: readonly PlannedColumn[]): boolean {
  return others.every((other) => columns.some((it) => it.name === other.name));
}

interface RowPart {
  readonly column: PlannedColumn;
  readonly from: number;
  readonly to: number;
}

/** The fields of a row but for some. */
function partsOf(buffer: CopyBuffer, { start, end }: { start: number; end: number }, columns: readonly PlannedColumn[], without: readonly number[]): RowPart[] {
  const bounds = fieldBounds(buffer.bytes, start, end);
  return columns.map((column, i) => ({ column, from: bounds[i]!, to: bounds[i + 1]! - 1 })).filter((_, i) => !without.includes(i));
}
