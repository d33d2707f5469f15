import type { Predicate, Transformation } from '@millrace/connect-api';
import { Cast } from './cast.js';
import { ExtractField } from './extract-field.js';
import { Flatten } from './flatten.js';
import { DropHeaders, HeaderFrom, InsertHeader } from './header-transformations.js';
import { HoistField } from './hoist-field.js';
import { InsertField } from './insert-field.js';
import { MaskField } from './mask-field.js';
import { Filter, HasHeaderKey, RecordIsTombstone, TopicNameMatches } from './predicates.js';
import type { Part } from './record-part.js';
import { ReplaceField } from './replace-field.js';
import { RegexRouter, TimestampRouter } from './routing.js';
import { SetSchemaMetadata } from './set-schema-metadata.js';
import { TimestampConverter } from './timestamp-converter.js';
import { ValueToKey } from './value-to-key.js';

const PACKAGE = 'org.apache.kafka.connect.transforms.';
const BY_PART: Readonly<Record<string, new (part: Part) => Transformation>> = { Cast, ExtractField, Flatten, HeaderFrom, HoistField, InsertField, MaskField, ReplaceField, SetSchemaMetadata, TimestampConverter };
const WHOLE: Readonly<Record<string, new () => Transformation>> = { DropHeaders, Filter, InsertHeader, RegexRouter, TimestampRouter, ValueToKey };
const PREDICATES: Readonly<Record<string, new () => Predicate>> = { HasHeaderKey, RecordIsTombstone, TopicNameMatches };

/** The transformations that come with the runtime, by the class names of Java's. */
export const BUILT_IN_TRANSFORMATIONS: ReadonlyMap<string, () => Transformation> = new Map([
  ...Object.entries(BY_PART).flatMap(([name, Kind]): [string, () => Transformation][] => [
    [`${PACKAGE}${name}$Key`, () => new Kind('key')],
    [`${PACKAGE}${name}$Value`, () => new Kind('value')],
  ]),
  ...Object.entries(WHOLE).map(([name, Kind]): [string, () => Transformation] => [PACKAGE + name, () => new Kind()]),
]);

export const BUILT_IN_PREDICATES: ReadonlyMap<string, () => Predicate> = new Map(
  Object.entries(PREDICATES).map(([name, Kind]): [string, () => Predicate] => [`${PACKAGE}predicates.${name}`, () => new Kind()]),
);
