import { OperationalError } from '@millrace/foundation';

/** A value to bytes and back. `null` stays null on both ways: a null value is a tombstone. */
export interface Serializer<T> {
  serialize(value: T): Uint8Array;
  /** Throws OperationalError BAD_VALUE for bytes that are not such a value. */
  deserialize(bytes: Uint8Array): T;
}

function fixed(bytes: Uint8Array, size: number, what: string): Buffer {
  if (bytes.length !== size) throw new OperationalError('BAD_VALUE', `${what} is ${size} bytes, not ${bytes.length}`);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** UTF-8, as Java's StringSerializer. */
export const stringSerializer: Serializer<string> = {
  serialize: (value) => Buffer.from(value, 'utf8'),
  deserialize: (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'),
};

/** Four bytes, big-endian, as Java's IntegerSerializer. */
export const integerSerializer: Serializer<number> = {
  serialize(value) {
    const bytes = Buffer.allocUnsafe(4);
    bytes.writeInt32BE(value);
    return bytes;
  },
  deserialize: (bytes) => fixed(bytes, 4, 'an integer').readInt32BE(),
};

/** Eight bytes, big-endian, as Java's LongSerializer. */
export const longSerializer: Serializer<bigint> = {
  serialize(value) {
    const bytes = Buffer.allocUnsafe(8);
    bytes.writeBigInt64BE(value);
    return bytes;
  },
  deserialize: (bytes) => fixed(bytes, 8, 'a long').readBigInt64BE(),
};

/** UTF-8 JSON text. */
export const jsonSerializer: Serializer<unknown> = {
  serialize(value) {
    const text = JSON.stringify(value) as string | undefined;
    if (text === undefined) throw new OperationalError('BAD_VALUE', `a ${typeof value} has no JSON form`);
    return Buffer.from(text, 'utf8');
  },
  deserialize(bytes) {
    try {
      return JSON.parse(stringSerializer.deserialize(bytes)) as unknown;
    } catch (error) {
      throw new OperationalError('BAD_VALUE', 'the bytes are not JSON', { cause: error });
    }
  },
};

export const bytesSerializer: Serializer<Uint8Array> = { serialize: (value) => value, deserialize: (bytes) => bytes };
