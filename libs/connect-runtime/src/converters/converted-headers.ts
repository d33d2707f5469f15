import { LazyStruct, type Converter, type HeaderConverter, type Schema, type SchemaAndValue, type Value } from '@millrace/connect-api';

/** A converter of values used for headers, as Java's own converters are. */
export class ConvertedHeaders implements HeaderConverter {
  constructor(private readonly converter: Converter) {}

  configure(config: Readonly<Record<string, string>>): void {
    this.converter.configure(config, false);
  }

  fromConnectHeader(topic: string, _headerKey: string, schema: Schema | null, value: Value): Uint8Array | null {
    return this.converter.fromConnectData(topic, schema, value);
  }

  toConnectHeader(topic: string, _headerKey: string, bytes: Uint8Array | null): SchemaAndValue {
    const { schema, value } = this.converter.toConnectData(topic, bytes);
    return { schema, value: value instanceof LazyStruct ? value.toStruct() : value };
  }
}
