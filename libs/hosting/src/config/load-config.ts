import fs from 'node:fs';
import { OperationalError } from '@millrace/foundation';
import { parseProperties } from './properties.js';

export interface ConfigSources {
  /** A `.properties` file; absent: none. */
  readonly file?: string;
  /** `KAFKA_` or `CONNECT_`: environment variables of this prefix become settings. */
  readonly environmentPrefix?: string;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** `key=value` texts, as on a command line. */
  readonly overrides?: readonly string[];
  readonly defaults?: Readonly<Record<string, string>>;
}

/** The settings of an app: defaults, then its file, then the environment, then the command line; the later wins. */
export function loadConfig(sources: ConfigSources): Record<string, string> {
  return {
    ...sources.defaults,
    ...(sources.file === undefined ? {} : parseProperties(readFile(sources.file))),
    ...(sources.environmentPrefix === undefined ? {} : fromEnvironment(sources.environmentPrefix, sources.environment ?? process.env)),
    ...Object.fromEntries((sources.overrides ?? []).map(splitOverride)),
  };
}

/** Confluent's rule for container images: after the prefix `_` is a dot, `__` a dash, `___` an underscore. */
export function fromEnvironment(prefix: string, environment: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const separators: Readonly<Record<string, string>> = { _: '.', __: '-', ___: '_' };
  return Object.fromEntries(
    Object.entries(environment)
      .filter((it): it is [string, string] => it[0].startsWith(prefix) && it[1] !== undefined)
      .map(([name, value]) => [name.slice(prefix.length).toLowerCase().replace(/_{1,3}/g, (it) => separators[it] ?? it), value]),
  );
}

function readFile(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (cause) {
    throw new OperationalError('CONFIG_FILE_UNREADABLE', `The settings file ${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

function splitOverride(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at <= 0) throw new OperationalError('CONFIG_OVERRIDE', `"${text}" is not of the form key=value`);
  return [text.slice(0, at).trim(), text.slice(at + 1)];
}
