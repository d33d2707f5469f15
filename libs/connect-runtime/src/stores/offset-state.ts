import type { OffsetMap } from '@millrace/connect-api';
import { decodeOffsetKey, decodeOffsetMap } from './offset-json.js';

/** The stored source offsets, replayed from the offset topic; by the bytes of their keys. */
export class OffsetState {
  private readonly values = new Map<string, Uint8Array>();
  /** By connector: the keys, as text, with what they say. */
  private readonly keysByConnector = new Map<string, Map<string, OffsetMap>>();

  apply(key: Uint8Array, value: Uint8Array | null): void {
    const text = keyText(key);
    const parsed = decodeOffsetKey(key);
    if (!parsed) return;
    if (value === null) {
      this.values.delete(text);
      this.keysByConnector.get(parsed.connector)?.delete(text);
      return;
    }
    this.values.set(text, value);
    let keys = this.keysByConnector.get(parsed.connector);
    if (!keys) this.keysByConnector.set(parsed.connector, (keys = new Map()));
    if (!keys.has(text)) keys.set(text, parsed.partition);
  }

  value(key: Uint8Array): Uint8Array | null {
    return this.values.get(keyText(key)) ?? null;
  }

  /** Every partition of the connector with its offset. */
  all(connector: string): { key: Uint8Array; partition: OffsetMap; offset: OffsetMap }[] {
    return [...(this.keysByConnector.get(connector) ?? [])].flatMap(([text, partition]) => {
      const value = this.values.get(text);
      const offset = value && decodeOffsetMap(value);
      return offset ? [{ key: Buffer.from(text, 'latin1'), partition, offset }] : [];
    });
  }
}

function keyText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
