import { ConfigError, type ConfigOf, type ConfigValue, type ConnectorConfig } from '@millrace/connect-api';
import path from 'node:path';
import { Csv } from '../formats/csv.js';
import { JsonLines } from '../formats/json-lines.js';
import { Raw } from '../formats/raw.js';
import type { OutputField, RecordFormat } from '../formats/record-format.js';
import { PathTemplate } from '../paths/path-template.js';
import { SINK_CONFIG } from './sink-config-def.js';

type Parsed = ConfigOf<typeof SINK_CONFIG>;

/** Kafka's file sink: lines at the end of one file, or on standard output. */
export interface AppendSettings {
  readonly mode: 'append';
  /** Null: standard output. */
  readonly file: string | null;
}

export interface WholeFileSettings {
  readonly mode: 'files';
  readonly directory: string;
  readonly template: PathTemplate;
  readonly makeFormat: () => RecordFormat;
  /** 0: not compressed. */
  readonly gzipLevel: number;
  readonly rotateRecords: number;
  readonly rotateBytes: number;
  readonly rotateIntervalMs: number;
  readonly tombstones: 'skip' | 'write' | 'fail';
  readonly openFilesMax: number;
}

export type SinkSettings = AppendSettings | WholeFileSettings;

const DELIMITERS: Record<string, string> = { comma: ',', semicolon: ';', tab: '\t', pipe: '|' };
const SEPARATORS: Record<string, string> = { newline: '\n', crlf: '\r\n', nul: '\0', none: '' };

/** Throws ConfigError. */
export function parseSinkSettings(config: ConnectorConfig): SinkSettings {
  const parsed = SINK_CONFIG.parse(config);
  const [problem] = problemsOf(parsed);
  if (problem !== undefined) throw problem;
  if (given(parsed.directory) === null) return { mode: 'append', file: given(parsed.file) };
  return {
    mode: 'files',
    directory: path.resolve(given(parsed.directory) ?? ''),
    template: new PathTemplate(parsed['path.template']),
    makeFormat: () => formatOf(parsed),
    gzipLevel: parsed.compression === 'gzip' ? parsed['compression.level'] : 0,
    rotateRecords: parsed['rotate.records'],
    rotateBytes: parsed['rotate.bytes'],
    rotateIntervalMs: parsed['rotate.interval.ms'],
    tombstones: parsed['tombstone.policy'] as WholeFileSettings['tombstones'],
    openFilesMax: parsed['open.files.max'],
  };
}

/** What each setting says by itself and all of them together. */
export function validateOffline(config: ConnectorConfig): ConfigValue[] {
  const values = SINK_CONFIG.validate(config);
  if (values.some((it) => it.errors.length > 0)) return values;
  for (const problem of problemsOf(SINK_CONFIG.parse(config))) values.find((it) => it.name === problem.key)?.errors.push(problem.message);
  return values;
}

function problemsOf(parsed: Parsed): ConfigError[] {
  const problems: ConfigError[] = [];
  if (given(parsed.file) !== null && given(parsed.directory) !== null) problems.push(new ConfigError('Give either file (append to one) or directory (whole files), not both', 'directory'));
  try {
    new PathTemplate(parsed['path.template']);
  } catch (error) {
    problems.push(new ConfigError(`Invalid value ${parsed['path.template']} for configuration path.template: It ${(error as Error).message}`, 'path.template'));
  }
  if (new Set(parsed['output.fields']).size !== parsed['output.fields'].length || parsed['output.fields'].length === 0) problems.push(new ConfigError('Each part of a record may be named once, and one at least', 'output.fields'));
  if (parsed.format === 'raw' && (parsed['output.fields'].length !== 1 || parsed['output.fields'][0] !== 'value')) problems.push(new ConfigError('format=raw writes the value alone', 'output.fields'));
  return problems;
}

function formatOf(parsed: Parsed): RecordFormat {
  const fields = parsed['output.fields'] as OutputField[];
  if (parsed.format === 'csv') return new Csv({ fields, columns: parsed['csv.columns'], hasHeader: parsed['csv.header'], delimiter: DELIMITERS[parsed['csv.delimiter']] ?? ',' });
  return parsed.format === 'raw' ? new Raw(SEPARATORS[parsed['raw.separator']] ?? '\n') : new JsonLines(fields);
}

function given(text: string | null): string | null {
  return text === null || text === '' ? null : text;
}
