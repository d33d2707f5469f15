const BUFFER_BYTES = 1024 * 1024;

/**
 * The memory of one cleaner, kept from one cleaning to the next: a map of keys that is given back to the collector lingers while the next one is made, and both count. One
 * cleaning at a time.
 */
export class CleanerMemory {
  private words = new Int32Array(0);
  private reading: Uint8Array = new Uint8Array(0);
  readonly writing = Buffer.allocUnsafeSlow(BUFFER_BYTES);

  /** So many zeroes. */
  takeWords(count: number): Int32Array {
    if (this.words.length < count) {
      this.words = new Int32Array(0);
      this.words = new Int32Array(count);
    } else {
      this.words.fill(0, 0, count);
    }
    return this.words.subarray(0, count);
  }

  /** At least so many bytes; what was read before is gone. */
  takeReadBuffer(bytes: number): Uint8Array {
    if (this.reading.length < bytes) this.reading = Buffer.allocUnsafeSlow(Math.max(bytes, BUFFER_BYTES));
    return this.reading;
  }
}
