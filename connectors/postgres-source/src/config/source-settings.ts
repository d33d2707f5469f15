import type { ConfigOf, ConnectorConfig } from '@millrace/connect-api';
import { CaptureFilter } from './capture-filter.js';
import { SETTINGS } from './settings.js';

/** The parsed settings of one source, by the names that users give them, and what follows from them. */
export interface SourceSettings {
  readonly values: ConfigOf<typeof SETTINGS>;
  readonly filter: CaptureFilter;
  readonly skipped: ReadonlySet<string>;
  readonly placeholder: Buffer;
  /** The slot's position is moved by the connector. */
  readonly flushesPosition: boolean;
}

/** Throws ConfigError. */
export function readSettings(config: ConnectorConfig): SourceSettings {
  const values = SETTINGS.parse(config);
  const placeholder = values['unavailable.value.placeholder'];
  return {
    values,
    filter: new CaptureFilter(config),
    skipped: new Set(values['skipped.operations'].filter((it) => it !== 'none')),
    placeholder: placeholder.startsWith('hex:') ? Buffer.from(placeholder.slice(4), 'hex') : Buffer.from(placeholder, 'utf8'),
    flushesPosition: config['lsn.flush.mode'] === undefined ? values['flush.lsn.source'] : values['lsn.flush.mode'] !== 'manual',
  };
}
