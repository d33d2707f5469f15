import { ConfigError, type ConfigOf, type ConfigValue, type ConnectorConfig } from '@millrace/connect-api';
import path from 'node:path';
import { FileSelection } from '../files/file-selection.js';
import { textDecoder, type TextDecoding } from '../lines/text-decoding.js';
import { SOURCE_CONFIG } from './source-config-def.js';

type Parsed = ConfigOf<typeof SOURCE_CONFIG>;

/** Written by the connector into each task's config. */
export const TASK_INDEX = 'file.task.index';
export const TASK_COUNT = 'file.task.count';

export interface SourceSettings {
  /** One file as one stream, or null: each file that is selected is a stream. */
  readonly file: string | null;
  /** Its name as it was given: what the offsets call it. */
  readonly filename: string | null;
  readonly selection: FileSelection;
  readonly topic: string;
  readonly batchRecords: number;
  readonly format: 'line' | 'ndjson';
  readonly isBytes: boolean;
  readonly decoding: TextDecoding;
  readonly hasHeaders: boolean;
  readonly lineBytesMax: number;
  readonly badRecords: 'fail' | 'skip';
  readonly lastLineIdleMs: number;
  readonly identity: 'fingerprint' | 'inode' | 'path';
  readonly fingerprintBytes: number;
  readonly rotateWaitMs: number;
  readonly scanIntervalMs: number;
  readonly isWatching: boolean;
  readonly openFilesMax: number;
  readonly cleanup: 'none' | 'delete' | 'move';
  readonly cleanupIdleMs: number;
  readonly cleanupDirectory: string | null;
}

/** Throws ConfigError. */
export function parseSourceSettings(config: ConnectorConfig): SourceSettings {
  const parsed = SOURCE_CONFIG.parse(config);
  const [problem] = problemsOf(parsed);
  if (problem !== undefined) throw problem;
  const file = given(parsed.file);
  return {
    file: file === null ? null : path.resolve(file),
    filename: file,
    selection: new FileSelection({
      file: file === null ? null : path.resolve(file),
      include: parsed.include,
      exclude: parsed.exclude,
      rotatedSuffix: new RegExp(parsed['rotated.pattern'], 'u'),
      taskIndex: Number(config[TASK_INDEX] ?? 0),
      taskCount: Number(config[TASK_COUNT] ?? 1),
    }),
    topic: parsed.topic,
    batchRecords: parsed['batch.size'],
    format: parsed.format as SourceSettings['format'],
    isBytes: parsed['value.type'] === 'bytes',
    decoding: textDecoder(parsed.encoding),
    hasHeaders: parsed['record.headers'],
    lineBytesMax: parsed['line.bytes.max'],
    badRecords: parsed['bad.record.policy'] as SourceSettings['badRecords'],
    lastLineIdleMs: parsed['last.line.idle.ms'],
    identity: parsed['file.identity'] as SourceSettings['identity'],
    fingerprintBytes: parsed['fingerprint.bytes'],
    rotateWaitMs: parsed['rotate.wait.ms'],
    scanIntervalMs: parsed['scan.interval.ms'],
    isWatching: parsed.watch,
    openFilesMax: parsed['open.files.max'],
    cleanup: parsed['cleanup.policy'] as SourceSettings['cleanup'],
    cleanupIdleMs: parsed['cleanup.idle.ms'],
    cleanupDirectory: given(parsed['cleanup.directory']),
  };
}

/** What each setting says by itself and all of them together. */
export function validateOffline(config: ConnectorConfig): ConfigValue[] {
  const values = SOURCE_CONFIG.validate(config);
  if (values.some((it) => it.errors.length > 0)) return values;
  for (const problem of problemsOf(SOURCE_CONFIG.parse(config))) values.find((it) => it.name === problem.key)?.errors.push(problem.message);
  return values;
}

function problemsOf(parsed: Parsed): ConfigError[] {
  const problems: ConfigError[] = [];
  const hasFile = given(parsed.file) !== null;
  if (hasFile && parsed.include.length > 0) problems.push(new ConfigError('Give either file (one stream) or include (a stream for each file), not both', 'include'));
  if (!hasFile && parsed.include.length === 0) problems.push(new ConfigError('Give file or include: standard input is not read', 'file'));
  for (const key of ['include', 'exclude'] as const) {
    const relative = parsed[key].find((it) => !path.isAbsolute(it) && !(key === 'exclude' && it.startsWith('**')));
    if (relative !== undefined) problems.push(new ConfigError(`Invalid value ${relative} for configuration ${key}: It must be an absolute path or glob`, key));
  }
  try {
    textDecoder(parsed.encoding);
  } catch (error) {
    problems.push(new ConfigError(`Invalid value ${parsed.encoding} for configuration encoding: ${(error as Error).message}`, 'encoding'));
  }
  if (parsed['value.type'] === 'bytes' && parsed.format !== 'line') problems.push(new ConfigError('value.type=bytes needs format=line', 'value.type'));
  const target = given(parsed['cleanup.directory']);
  if (parsed['cleanup.policy'] === 'move' && (target === null || !path.isAbsolute(target))) problems.push(new ConfigError('cleanup.policy=move needs cleanup.directory, an absolute path', 'cleanup.directory'));
  if (parsed['cleanup.policy'] !== 'none' && hasFile) problems.push(new ConfigError('cleanup.policy needs include: a single file is a stream without an end', 'cleanup.policy'));
  return problems;
}

function given(text: string | null): string | null {
  return text === null || text === '' ? null : text;
}
