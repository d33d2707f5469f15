import type { ConfigOf, ConnectorConfig } from '@millrace/connect-api';
import { CaptureFilter } from './capture-filter.js';
import { ColumnRules } from './column-rules.js';
import { snapshotPlan, type SnapshotPlan } from './snapshot-plan.js';
import { SETTINGS, SNAPSHOT_OVERRIDES } from './settings.js';

/** The parsed settings of one source, by the names that users give them, and what follows from them. */
export interface SourceSettings {
  readonly values: ConfigOf<typeof SETTINGS>;
  readonly filter: CaptureFilter;
  readonly columnRules: ColumnRules;
  /** By `schema.table`: what the snapshot reads in place of the whole table. */
  readonly snapshotQueries: ReadonlyMap<string, string>;
  readonly snapshot: SnapshotPlan;
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
    snapshot: snapshotPlan(values),
    columnRules: new ColumnRules(config),
    snapshotQueries: snapshotQueries(config),
    skipped: new Set(values['skipped.operations'].filter((it) => it !== 'none')),
    placeholder: placeholder.startsWith('hex:') ? Buffer.from(placeholder.slice(4), 'hex') : Buffer.from(placeholder, 'utf8'),
    flushesPosition: config['lsn.flush.mode'] === undefined ? values['flush.lsn.source'] : values['lsn.flush.mode'] !== 'manual',
  };
}

/** `snapshot.select.statement.overrides` names tables, and a setting of its own has the statement of each. */
function snapshotQueries(config: ConnectorConfig): ReadonlyMap<string, string> {
  const names = (config[SNAPSHOT_OVERRIDES] ?? '').split(',').map((it) => it.trim()).filter((it) => it !== '');
  return new Map(names.map((it) => [it, config[`${SNAPSHOT_OVERRIDES}.${it}`] ?? '']));
}
