import type { AnyConfigDef, Converter, HeaderConverter } from '@millrace/connect-api';
import { ByteArrayConverter } from './byte-array-converter.js';
import { ConvertedHeaders } from './converted-headers.js';
import { JsonConverter } from './json/json-converter.js';
import { NumberConverter } from './number-converters.js';
import { SimpleHeaderConverter } from './simple-header-converter.js';
import { StringConverter } from './string-converter.js';

/** What comes with the runtime, under the class names of Java's. */
interface BuiltIn {
  readonly class: string;
  readonly config?: AnyConfigDef;
}
export interface BuiltInConverter extends BuiltIn {
  readonly make: () => Converter;
}
export interface BuiltInHeaderConverter extends BuiltIn {
  readonly make: () => HeaderConverter;
}

export const BUILT_IN_CONVERTERS: readonly BuiltInConverter[] = [
  { class: 'org.apache.kafka.connect.json.JsonConverter', make: () => new JsonConverter(), config: JsonConverter.config },
  { class: 'org.apache.kafka.connect.storage.StringConverter', make: () => new StringConverter(), config: StringConverter.config },
  { class: 'org.apache.kafka.connect.converters.ByteArrayConverter', make: () => new ByteArrayConverter() },
  { class: 'org.apache.kafka.connect.converters.BooleanConverter', make: () => new NumberConverter('boolean') },
  { class: 'org.apache.kafka.connect.converters.ShortConverter', make: () => new NumberConverter('int16') },
  { class: 'org.apache.kafka.connect.converters.IntegerConverter', make: () => new NumberConverter('int32') },
  { class: 'org.apache.kafka.connect.converters.LongConverter', make: () => new NumberConverter('int64') },
  { class: 'org.apache.kafka.connect.converters.FloatConverter', make: () => new NumberConverter('float') },
  { class: 'org.apache.kafka.connect.converters.DoubleConverter', make: () => new NumberConverter('double') },
];

/** All converters of values do for headers too. */
export const BUILT_IN_HEADER_CONVERTERS: readonly BuiltInHeaderConverter[] = [
  ...BUILT_IN_CONVERTERS.map((it) => ({ ...it, make: () => new ConvertedHeaders(it.make()) })),
  { class: 'org.apache.kafka.connect.storage.SimpleHeaderConverter', make: () => new SimpleHeaderConverter() },
];
