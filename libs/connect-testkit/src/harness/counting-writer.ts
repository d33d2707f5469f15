import type { SourceRecord, Value, ValueWriter } from '@millrace/connect-api';

/** Takes values and keeps nothing: in a bench, the cost of decoding a record without that of a format. */
export class CountingWriter implements ValueWriter {
  /** Values that did not come as a range of bytes. */
  pieces = 0;
  /** The ranges of bytes, all together. */
  rangeBytes = 0;

  /** Visits the key and the value, as a converter does. */
  take({ key, value }: Pick<SourceRecord, 'key' | 'value'>): void {
    this.visit(key);
    this.visit(value);
  }

  null(): void {
    this.pieces += 1;
  }
  boolean(): void {
    this.pieces += 1;
  }
  integer(): void {
    this.pieces += 1;
  }
  long(): void {
    this.pieces += 1;
  }
  float(): void {
    this.pieces += 1;
  }
  string(): void {
    this.pieces += 1;
  }
  date(): void {
    this.pieces += 1;
  }
  decimal(): void {
    this.pieces += 1;
  }
  integerText(_bytes: Uint8Array, start: number, end: number): void {
    this.rangeBytes += end - start;
  }
  utf8(_bytes: Uint8Array, start: number, end: number): void {
    this.rangeBytes += end - start;
  }
  bytes(_bytes: Uint8Array, start: number, end: number): void {
    this.rangeBytes += end - start;
  }
  decimalText(_bytes: Uint8Array, start: number, end: number): void {
    this.rangeBytes += end - start;
  }
  beginStruct(): boolean {
    return true;
  }
  endStruct(): void {}
  beginArray(): void {}
  endArray(): void {}
  beginMap(): void {}
  endMap(): void {}

  private visit(value: Value): void {
    if (value !== null && typeof value === 'object' && 'visit' in value) value.visit(this);
    else this.pieces += 1;
  }
}
