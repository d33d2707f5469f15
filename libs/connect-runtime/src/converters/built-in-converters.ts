import type { AnyConfigDef, Converter } from '@millrace/connect-api';
import { ByteArrayConverter } from './byte-array-converter.js';
import { JsonConverter } from './json/json-converter.js';
import { NumberConverter } from './number-converters.js';
import { SimpleHeaderConverter } from './simple-header-converter.js';
import { StringConverter } from './string-converter.js';

/** A converter that comes with the runtime, under the class name of Java's. */
export interface BuiltInConverter {
  readonly class: string;
  readonly types: readonly ('converter' | 'header_converter')[];
  readonly make: () => Converter;
  readonly config?: AnyConfigDef;
}

const BOTH = ['converter', 'header_converter'] as const;

export const BUILT_IN_CONVERTERS: readonly BuiltInConverter[] = [
  { class: 'org.apache.kafka.connect.json.JsonConverter', types: BOTH, make: () => new JsonConverter(), config: JsonConverter.config },
  { class: 'org.apache.kafka.connect.storage.StringConverter', types: BOTH, make: () => new StringConverter(), config: StringConverter.config },
  { class: 'org.apache.kafka.connect.converters.ByteArrayConverter', types: BOTH, make: () => new ByteArrayConverter() },
  { class: 'org.apache.kafka.connect.converters.BooleanConverter', types: BOTH, make: () => new NumberConverter('boolean') },
  { class: 'org.apache.kafka.connect.converters.ShortConverter', types: BOTH, make: () => new NumberConverter('int16') },
  { class: 'org.apache.kafka.connect.converters.IntegerConverter', types: BOTH, make: () => new NumberConverter('int32') },
  { class: 'org.apache.kafka.connect.converters.LongConverter', types: BOTH, make: () => new NumberConverter('int64') },
  { class: 'org.apache.kafka.connect.converters.FloatConverter', types: BOTH, make: () => new NumberConverter('float') },
  { class: 'org.apache.kafka.connect.converters.DoubleConverter', types: BOTH, make: () => new NumberConverter('double') },
  { class: 'org.apache.kafka.connect.storage.SimpleHeaderConverter', types: ['header_converter'], make: () => new SimpleHeaderConverter() },
];
