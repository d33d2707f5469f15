import { ConfigError, type ConfigOf, type ConnectorConfig } from '@millrace/connect-api';
import { BSON, type Document } from 'mongodb';
import type { JsonStyle } from '../bson/extended-json.js';
import { FieldSelector } from '../fields/field-selector.js';
import { CaptureFilter } from './capture-filter.js';
import { alternatives, splitList } from './regex-list.js';
import { FILTER_OVERRIDES, SETTINGS } from './settings.js';

/** What the change stream is opened on; no database: the whole deployment. */
export interface CaptureTarget {
  readonly database: string | undefined;
  readonly collection: string | undefined;
}

/** The parsed settings of one source, by the names that users give them, and what follows from them. */
export interface SourceSettings {
  readonly values: ConfigOf<typeof SETTINGS>;
  readonly target: CaptureTarget;
  readonly filter: CaptureFilter;
  readonly fields: FieldSelector;
  readonly skipped: ReadonlySet<string>;
  /** Of whole documents, and of `updatedFields`. */
  readonly documentStyle: JsonStyle;
  readonly changesStyle: JsonStyle;
  /** The filter of a collection's snapshot, if it is not read whole. */
  snapshotFilter(namespace: string): Document | undefined;
  /** `capture.start.op.time`: seconds and increment in one number of 64 bits. */
  readonly startTime: bigint | undefined;
  /** How long the server may wait for an event. */
  readonly awaitMs: number;
}

/** Throws ConfigError. */
export function readSettings(config: ConnectorConfig): SourceSettings {
  const values = SETTINGS.parse(config);
  const overrides = readOverrides(config);
  return {
    values,
    target: readTarget(values['capture.scope'].toLowerCase(), values['capture.target']),
    filter: new CaptureFilter(config),
    fields: new FieldSelector(values['field.exclude.list'], values['field.renames']),
    skipped: new Set(values['skipped.operations'].filter((it) => it !== 'none')),
    ...jsonStyles(values['json.serialization.mode'].toLowerCase()),
    snapshotFilter: (namespace) => overrides.find((it) => it.namespace.test(namespace))?.filter,
    startTime: startTimeOf(config['capture.start.op.time']),
    awaitMs: values['cursor.max.await.time.ms'] || values['poll.interval.ms'],
  };
}

/** Read from the text: the number has more digits than a double. */
function startTimeOf(text: string | undefined): bigint | undefined {
  return text === undefined || BigInt(text.trim().replace('+', '')) < 0n ? undefined : BigInt(text.trim().replace('+', ''));
}

function jsonStyles(mode: string): { readonly documentStyle: JsonStyle; readonly changesStyle: JsonStyle } {
  const style = (of: JsonStyle['mode']): JsonStyle => ({ mode: of, isSpaced: false });
  switch (mode) {
    case 'extended':
    case 'relaxed':
    case 'strict':
      return { documentStyle: style(mode), changesStyle: style(mode) };
    default:
      return { documentStyle: style('strict'), changesStyle: { mode: 'relaxed', isSpaced: true } };
  }
}

function readTarget(scope: string, target: string | null): CaptureTarget {
  if (scope === 'deployment') return { database: undefined, collection: undefined };
  if (!target) throw new ConfigError(`capture.target is missing: the scope ${scope} needs one`, 'capture.target');
  if (scope === 'database') return { database: target, collection: undefined };
  const dot = target.indexOf('.');
  if (dot <= 0 || dot === target.length - 1) throw new ConfigError('capture.target must be database.collection for the scope collection', 'capture.target');
  return { database: target.slice(0, dot), collection: target.slice(dot + 1) };
}

interface FilterOverride {
  readonly namespace: RegExp;
  readonly filter: Document;
}

function readOverrides(config: ConnectorConfig): FilterOverride[] {
  return splitList(config[FILTER_OVERRIDES]).map((namespace) => {
    const name = `${FILTER_OVERRIDES}.${namespace}`;
    const text = config[name];
    if (text === undefined) throw new ConfigError(`${FILTER_OVERRIDES} names ${namespace}, but ${name} is not set`, FILTER_OVERRIDES);
    try {
      return { namespace: new RegExp(alternatives(namespace.replaceAll('.', '\\.')) ?? '', 'i'), filter: BSON.EJSON.parse(text, { relaxed: false }) as Document };
    } catch (error) {
      throw new ConfigError(`${name} is not a filter: ${error instanceof Error ? error.message : String(error)}`, FILTER_OVERRIDES);
    }
  });
}
