import { DataError, Schema, type Converter, type SchemaAndValue, type Value } from '@millrace/connect-api';

const OPTIONAL_BYTES = Schema.of('bytes', { optional: true });

/** Java's `org.apache.kafka.connect.converters.ByteArrayConverter`: bytes as they are. */
export class ByteArrayConverter implements Converter {
  configure(): void {}

  fromConnectData(_topic: string, schema: Schema | null, value: Value): Uint8Array | null {
    if (schema !== null && schema.type !== 'bytes') throw new DataError(`Invalid schema type for ByteArrayConverter: ${schema.type.toUpperCase()}`);
    if (value !== null && !(value instanceof Uint8Array)) throw new DataError(`ByteArrayConverter is not compatible with objects of type ${typeof value}`);
    return value;
  }

  toConnectData(_topic: string, bytes: Uint8Array | null): SchemaAndValue {
    return { schema: OPTIONAL_BYTES, value: bytes };
  }
}
