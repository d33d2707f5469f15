/** Memory for reads, kept for the next one when it is given back. Sizes are powers of two, so that any read of about the same size fits. */
export class ReadBuffers {
  private readonly free = new Map<number, Uint8Array[]>();
  private kept = 0;

  constructor(private readonly keptBytesMax: number) {}

  /** At least `bytes` long. */
  take(bytes: number): Uint8Array {
    const size = sizeClass(bytes);
    const buffer = this.free.get(size)?.pop();
    if (buffer === undefined) return Buffer.allocUnsafeSlow(size);
    this.kept -= size;
    return buffer;
  }

  give(buffer: Uint8Array): void {
    const size = buffer.length;
    if (this.kept + size > this.keptBytesMax || size !== sizeClass(size)) return;
    const list = this.free.get(size);
    if (list === undefined) this.free.set(size, [buffer]);
    else list.push(buffer);
    this.kept += size;
  }
}

function sizeClass(bytes: number): number {
  return bytes <= 4096 ? 4096 : 2 ** Math.ceil(Math.log2(bytes));
}
