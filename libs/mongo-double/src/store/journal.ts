import fs from 'node:fs';
import { BSON, type Document } from 'bson';
import type { Change } from './catalog.js';
import type { LogEntry } from './store.js';

/** Log entries in a file, one BSON document each: what a killed process had answered is there when it starts again. A document that was cut off is dropped. */
export class Journal {
  private readonly handle: number;

  constructor(private readonly file: string) {
    this.handle = fs.openSync(file, 'a+');
  }

  load(): LogEntry[] {
    const bytes = fs.readFileSync(this.file);
    const entries: LogEntry[] = [];
    let at = 0;
    while (at + 4 <= bytes.length && at + bytes.readInt32LE(at) <= bytes.length) {
      const size = bytes.readInt32LE(at);
      entries.push(decode(BSON.deserialize(bytes.subarray(at, at + size), { promoteBuffers: true, useBigInt64: true })));
      at += size;
    }
    if (at < bytes.length) fs.ftruncateSync(this.handle, at);
    return entries;
  }

  append(entries: readonly LogEntry[]): void {
    for (const entry of entries) fs.writeSync(this.handle, BSON.serialize(encode(entry)));
  }

  close(): void {
    fs.closeSync(this.handle);
  }
}

function encode(entry: LogEntry): Document {
  const { transaction, ...rest } = entry;
  return transaction ? { ...rest, ...transaction } : rest;
}

function decode(it: Document): LogEntry {
  const { lsid, txnNumber, change, seconds, increment, index, wallMs } = it as { lsid?: Buffer; txnNumber?: bigint; change: Change } & Pick<LogEntry, 'seconds' | 'increment' | 'index' | 'wallMs'>;
  return {
    seconds: Number(seconds),
    increment: Number(increment),
    index: Number(index),
    wallMs: Number(wallMs),
    change: Object.fromEntries(Object.entries(change).map(([name, value]) => [name, value instanceof Uint8Array ? Buffer.from(value) : value])) as Change,
    transaction: lsid && txnNumber !== undefined ? { lsid: Buffer.from(lsid), txnNumber: BigInt(txnNumber) } : undefined,
  };
}
