import { DataError, type LazyStruct, type Schema, type Struct, type Value, type ValueWriter, writeValue } from '@millrace/connect-api';
import { type ColumnCodec, SKIPPED, SkippedField } from '../columns/column-codec.js';
import { CompositeCodec } from '../columns/composite-codecs.js';
import type { CopyBuffer } from './copy-buffer.js';

/** What Debezium sends for a large value that an update did not touch. */
const UNAVAILABLE_VALUE = '__debezium_unavailable_value';
const UNAVAILABLE_BYTES = Buffer.from(UNAVAILABLE_VALUE, 'latin1');
const TAB = 0x09;

/** In the codecs of an envelope: the field with the operation. */
export class OperationField extends SkippedField {}
/** In the codecs of an envelope: the struct whose fields are columns. */
export class RowField extends SkippedField {}

type FrameKind = 'fields' | 'composite' | 'skipped';

/** Where to go on after a struct, array or map. */
interface Frame {
  readonly kind: FrameKind;
  readonly codecs: readonly ColumnCodec[];
  readonly index: number;
  readonly wrap: number;
  readonly out: CopyBuffer;
  readonly composite: CompositeCodec | undefined;
}

const NEVER = Number.MAX_SAFE_INTEGER;
const ONE_SKIPPED = [SKIPPED];

/**
 * Writes records as rows of COPY's text format, straight from the calls of `visit`. One row at a time: `begin`, the key's values, the value's.
 * Invariant 1: a column's text is escaped by the buffer and by nothing else.
 */
export class RowEncoder implements ValueWriter {
  /** Columns written in the row so far. */
  columns = 0;
  /** The operation in the envelope, as the code of its letter; 0 if there was none. */
  operation = 0;
  /** Whether the row's struct was there. */
  hasRow = false;
  /** Columns of the row whose value the source did not know. */
  readonly unavailable: number[] = [];

  private out: CopyBuffer;
  private codecs: readonly ColumnCodec[] = [];
  private rowCodecs: readonly ColumnCodec[] = [];
  private envelopeCodecs: readonly ColumnCodec[] = [];
  private index = 0;
  private wrap = NEVER;
  private composite: CompositeCodec | undefined;
  private readonly frames: Frame[] = [];

  constructor(readonly rows: CopyBuffer) {
    this.out = rows;
  }

  begin(): void {
    this.columns = 0;
    this.operation = 0;
    this.hasRow = false;
    this.unavailable.length = 0;
    this.frames.length = 0;
    this.out = this.rows;
    this.composite = undefined;
  }

  /** One value that is a column by itself. */
  writeOne(schema: Schema, value: Value, codec: ColumnCodec): void {
    this.codecs = [codec];
    this.index = 0;
    this.wrap = NEVER;
    writeValue(schema, value, this);
  }

  /** A struct whose fields are columns. */
  writeRow(struct: Struct | LazyStruct, codecs: readonly ColumnCodec[]): void {
    this.codecs = ROOT_ROW;
    this.index = 0;
    this.wrap = NEVER;
    this.rowCodecs = codecs;
    struct.visit(this);
  }

  /** An envelope: `codecs` hold an OperationField and a RowField, whose own fields are written by `rowCodecs`. */
  writeEnvelope(envelope: Struct | LazyStruct, codecs: readonly ColumnCodec[], rowCodecs: readonly ColumnCodec[]): void {
    this.codecs = ROOT_ENVELOPE;
    this.envelopeCodecs = codecs;
    this.index = 0;
    this.wrap = NEVER;
    this.rowCodecs = rowCodecs;
    envelope.visit(this);
  }

  null(): void {
    const codec = this.take();
    if (this.composite) this.composite.pieces.push(null);
    else codec.null(this.out);
  }
  boolean(value: boolean): void {
    this.take().boolean(this.out, value);
    if (this.composite) this.piece(this.composite);
  }
  integer(value: number): void {
    this.take().integer(this.out, value);
    if (this.composite) this.piece(this.composite);
  }
  long(value: bigint): void {
    this.take().long(this.out, value);
    if (this.composite) this.piece(this.composite);
  }
  integerText(bytes: Uint8Array, start: number, end: number): void {
    this.take().integerText(this.out, bytes, start, end);
    if (this.composite) this.piece(this.composite);
  }
  float(value: number): void {
    this.take().float(this.out, value);
    if (this.composite) this.piece(this.composite);
  }
  string(value: string): void {
    const codec = this.take();
    if (codec instanceof OperationField) {
      this.operation = value.charCodeAt(0);
      return;
    }
    if (value.length === UNAVAILABLE_BYTES.length && value === UNAVAILABLE_VALUE && this.markUnavailable(codec)) return;
    codec.string(this.out, value);
    if (this.composite) this.piece(this.composite);
  }
  utf8(bytes: Uint8Array, start: number, end: number): void {
    const codec = this.take();
    if (codec instanceof OperationField) {
      this.operation = bytes[start] ?? 0;
      return;
    }
    if (end - start === UNAVAILABLE_BYTES.length && isUnavailable(bytes, start) && this.markUnavailable(codec)) return;
    codec.utf8(this.out, bytes, start, end);
    if (this.composite) this.piece(this.composite);
  }
  bytes(bytes: Uint8Array, start: number, end: number): void {
    const codec = this.take();
    if (end - start === UNAVAILABLE_BYTES.length && isUnavailable(bytes, start) && this.markUnavailable(codec)) return;
    codec.bytes(this.out, bytes, start, end);
    if (this.composite) this.piece(this.composite);
  }
  decimalText(bytes: Uint8Array, start: number, end: number): void {
    this.take().decimalText(this.out, bytes, start, end);
    if (this.composite) this.piece(this.composite);
  }
  decimal(unscaled: Uint8Array, scale: number): void {
    this.take().decimal(this.out, unscaled, scale);
    if (this.composite) this.piece(this.composite);
  }
  date(value: Date): void {
    this.take().date(this.out, value);
    if (this.composite) this.piece(this.composite);
  }

  beginStruct(schema: Schema): boolean {
    const codec = this.take();
    if (codec instanceof CompositeCodec) {
      if (codec.cyclic || codec.children.length !== schema.fields.length) throw new DataError(`a struct (${schema.name ?? 'no name'}) where the schema has something else`);
      this.enter('composite', codec.children, NEVER, codec);
      return true;
    }
    if (codec instanceof RowField) {
      this.hasRow = true;
      this.enter('fields', this.rowCodecs, NEVER, undefined);
      return true;
    }
    if (codec === ENVELOPE) {
      this.enter('fields', this.envelopeCodecs, NEVER, undefined);
      return true;
    }
    if (codec instanceof SkippedField) return false;
    throw new DataError(`a struct (${schema.name ?? 'no name'}) where the schema has something else`);
  }
  endStruct(): void {
    this.leave();
  }
  beginArray(): void {
    this.beginCyclic(1);
  }
  endArray(): void {
    this.leave();
  }
  beginMap(): void {
    this.beginCyclic(2);
  }
  endMap(): void {
    this.leave();
  }

  private take(): ColumnCodec {
    const codec = this.codecs[this.index];
    if (codec === undefined) throw new DataError('more fields than the schema has');
    this.index += 1;
    if (this.index === this.wrap) this.index = 0;
    if (!this.composite && codec.isColumn && this.columns++ !== 0) this.out.byte(TAB);
    return codec;
  }

  private piece(composite: CompositeCodec): void {
    const { scratch } = composite;
    composite.pieces.push(scratch.slice(0, scratch.length));
    scratch.length = 0;
  }

  private beginCyclic(wrap: number): void {
    const codec = this.take();
    if (codec instanceof CompositeCodec && codec.cyclic && codec.children.length === wrap) this.enter('composite', codec.children, wrap, codec);
    else if (codec instanceof SkippedField) this.enter('skipped', ONE_SKIPPED, 1, undefined);
    else throw new DataError('an array or a map where the schema has something else');
  }

  private enter(kind: FrameKind, codecs: readonly ColumnCodec[], wrap: number, composite: CompositeCodec | undefined): void {
    this.frames.push({ kind, codecs: this.codecs, index: this.index, wrap: this.wrap, out: this.out, composite: this.composite });
    this.codecs = codecs;
    this.index = 0;
    this.wrap = wrap;
    if (composite) {
      composite.pieces = [];
      composite.scratch.length = 0;
      this.composite = composite;
      this.out = composite.scratch;
    }
  }

  private leave(): void {
    const frame = this.frames.pop();
    if (!frame) throw new DataError('an end of a struct, an array or a map that did not begin');
    const done = this.composite;
    this.codecs = frame.codecs;
    this.index = frame.index;
    this.wrap = frame.wrap;
    this.out = frame.out;
    this.composite = frame.composite;
    if (frame.kind !== 'composite' || !done) return;
    if (!this.composite && done.pieces[0] === UNAVAILABLE_VALUE && done.cyclic) {
      this.unavailable.push(this.columns - 1);
      this.out.nullMark();
      return;
    }
    done.finish(done.pieces, this.out);
    if (this.composite) this.piece(this.composite);
  }

  private markUnavailable(codec: ColumnCodec): boolean {
    if (this.composite || !codec.isColumn) return false;
    this.unavailable.push(this.columns - 1);
    this.out.nullMark();
    return true;
  }
}

const ENVELOPE = new SkippedField();
const ROOT_ROW = [new RowField()];
const ROOT_ENVELOPE = [ENVELOPE];

function isUnavailable(bytes: Uint8Array, start: number): boolean {
  for (let i = 0; i < UNAVAILABLE_BYTES.length; i++) if (bytes[start + i] !== UNAVAILABLE_BYTES[i]) return false;
  return true;
}
