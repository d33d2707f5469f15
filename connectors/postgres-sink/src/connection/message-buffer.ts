const EXECUTE = Uint8Array.of(0x45, 0, 0, 0, 9, 0, 0, 0, 0, 0);
const SYNC = Uint8Array.of(0x53, 0, 0, 0, 4);
const COPY_DONE = Uint8Array.of(0x63, 0, 0, 0, 4);
const SQL_NULL = -1;
const CAPACITY = 4096;

/** Messages of the extended query protocol, one after the other. */
export class MessageBuffer {
  length = 0;
  private buffer = Buffer.allocUnsafe(CAPACITY);

  /** What has gathered; the buffer begins anew. */
  take(): Uint8Array {
    const taken = this.buffer.subarray(0, this.length);
    this.buffer = Buffer.allocUnsafe(CAPACITY);
    this.length = 0;
    return taken;
  }

  parse(name: string, sql: string): void {
    const start = this.begin(0x50);
    this.text(name);
    this.text(sql);
    this.int16(0);
    this.end(start);
  }

  /** To the unnamed portal; parameters and results as text; null is SQL null. */
  bind(statement: string, parameters: readonly (Uint8Array | null)[]): void {
    const start = this.begin(0x42);
    this.text('');
    this.text(statement);
    this.int16(0);
    this.int16(parameters.length);
    for (const value of parameters) {
      this.int32(value === null ? SQL_NULL : value.length);
      if (value !== null) this.bytes(value);
    }
    this.int16(0);
    this.end(start);
  }

  execute(): void {
    this.bytes(EXECUTE);
  }

  sync(): void {
    this.bytes(SYNC);
  }

  /** `length` bytes of COPY data follow. */
  copyDataHead(length: number): void {
    this.reserve(5);
    this.buffer[this.length] = 0x64;
    this.length = this.buffer.writeUInt32BE(length + 4, this.length + 1);
  }

  copyDone(): void {
    this.bytes(COPY_DONE);
  }

  private bytes(value: Uint8Array): void {
    this.reserve(value.length);
    this.buffer.set(value, this.length);
    this.length += value.length;
  }

  private begin(type: number): number {
    this.reserve(5);
    this.buffer[this.length] = type;
    this.length += 5;
    return this.length - 4;
  }

  private end(start: number): void {
    this.buffer.writeUInt32BE(this.length - start, start);
  }

  private text(value: string): void {
    this.reserve(value.length * 3 + 1);
    this.length += this.buffer.write(value, this.length, 'utf8');
    this.buffer[this.length++] = 0;
  }

  private int16(value: number): void {
    this.reserve(2);
    this.length = this.buffer.writeUInt16BE(value, this.length);
  }

  private int32(value: number): void {
    this.reserve(4);
    this.length = this.buffer.writeInt32BE(value, this.length);
  }

  private reserve(count: number): void {
    if (this.length + count <= this.buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.length + count, this.buffer.length * 2));
    this.buffer.copy(grown, 0, 0, this.length);
    this.buffer = grown;
  }
}
