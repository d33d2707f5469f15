import { DataError, Schema, type Converter, type SchemaAndValue, type SchemaType, type Value } from '@millrace/connect-api';

type NumberType = Extract<SchemaType, 'int16' | 'int32' | 'int64' | 'float' | 'double' | 'boolean'>;

const SIZES: Readonly<Record<NumberType, number>> = { boolean: 1, int16: 2, int32: 4, int64: 8, float: 4, double: 8 };

/** Java's Short-, Integer-, Long-, Float-, Double- and BooleanConverter: big-endian bytes of one type. */
export class NumberConverter implements Converter {
  private readonly schema: Schema;
  private readonly buffer: Buffer;

  constructor(private readonly type: NumberType) {
    this.schema = Schema.of(type, { optional: true });
    this.buffer = Buffer.alloc(SIZES[type]);
  }

  configure(): void {}

  fromConnectData(_topic: string, schema: Schema | null, value: Value): Uint8Array | null {
    if (schema !== null && schema.type !== this.type) throw new DataError(`Invalid schema type for ${this.type} converter: ${schema.type.toUpperCase()}`);
    if (value === null) return null;
    const { buffer } = this;
    if (this.type === 'boolean' && typeof value === 'boolean') buffer[0] = value ? 1 : 0;
    else if (this.type === 'int64' && typeof value === 'bigint') buffer.writeBigInt64BE(value);
    else if (typeof value === 'number' && this.type === 'int16') buffer.writeInt16BE(value);
    else if (typeof value === 'number' && this.type === 'int32') buffer.writeInt32BE(value);
    else if (typeof value === 'number' && this.type === 'float') buffer.writeFloatBE(value);
    else if (typeof value === 'number' && this.type === 'double') buffer.writeDoubleBE(value);
    else throw new DataError(`a ${typeof value} for the ${this.type} converter`);
    return buffer;
  }

  toConnectData(_topic: string, bytes: Uint8Array | null): SchemaAndValue {
    if (bytes === null) return { schema: this.schema, value: null };
    if (bytes.length !== SIZES[this.type]) throw new DataError(`Size of data received by the ${this.type} converter is not ${SIZES[this.type]}`);
    return { schema: this.schema, value: this.read(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)) };
  }

  private read(buffer: Buffer): Value {
    switch (this.type) {
      case 'boolean':
        return buffer[0] === 1;
      case 'int16':
        return buffer.readInt16BE();
      case 'int32':
        return buffer.readInt32BE();
      case 'int64':
        return buffer.readBigInt64BE();
      case 'float':
        return buffer.readFloatBE();
      case 'double':
        return buffer.readDoubleBE();
    }
  }
}
