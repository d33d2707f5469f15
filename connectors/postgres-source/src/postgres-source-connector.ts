import { ConfigError, SourceConnector, type AnyConfigDef, type ConfigValue, type ConnectorConfig, type OffsetMap } from '@millrace/connect-api';
import { readStoredPosition } from './rows/position.js';
import { readSettings } from './config/source-settings.js';
import { SETTINGS } from './config/settings.js';
import { validateConnection, validateTogether } from './validate-connection.js';

/** Plans the capture of one PostgreSQL database: one task, since a replication slot has one reader. */
export class PostgresSourceConnector extends SourceConnector {
  override taskConfigs(_tasksMax: number, config: ConnectorConfig): ConnectorConfig[] {
    return [config];
  }

  config(): AnyConfigDef {
    return SETTINGS;
  }

  override async validate(config: ConnectorConfig): Promise<ConfigValue[]> {
    const values = SETTINGS.validate(config);
    validateTogether(config, values);
    if (values.every((it) => it.errors.length === 0)) await validateConnection(config, values);
    return values;
  }

  /** Streaming goes on behind the very record whose offset is stored; an interrupted initial snapshot begins anew, and hands rows over again. */
  override exactlyOnceSupport(config: ConnectorConfig): 'supported' | 'unsupported' {
    return readSettings(config).snapshot.reads === 'never' ? 'supported' : 'unsupported';
  }

  /**
   * Takes offsets of the one partition of this connector, in Debezium's form. The position is also held by the slot, which is not changed: a
   * task refuses to go on where the slot is ahead of what is set here. Throws ConfigError.
   */
  override alterOffsets(config: ConnectorConfig, offsets: ReadonlyMap<OffsetMap, OffsetMap | null>): boolean {
    for (const [partition, offset] of offsets) checkOffset(config['topic.prefix'] ?? '', partition, offset);
    return false;
  }
}

function checkOffset(prefix: string, partition: OffsetMap, offset: OffsetMap | null): void {
  if (Object.keys(partition).join() !== 'server' || partition.server !== prefix) throw new ConfigError(`The partition of this connector is {"server":"${prefix}"}, not ${JSON.stringify(partition)}`, 'partition');
  if (offset === null) return;
  for (const name of ['lsn', 'lsn_proc', 'lsn_commit', 'txId', 'ts_usec', 'lsn_events_processed']) {
    const value = offset[name];
    const isWhole = (typeof value === 'number' && Number.isInteger(value)) || typeof value === 'bigint';
    if (value !== undefined && value !== null && (!isWhole || value < 0)) throw new ConfigError(`The member ${name} of an offset must be a whole number, not ${JSON.stringify(String(value))}`, name);
  }
  if (readStoredPosition(offset) === undefined) throw new ConfigError('An offset needs the member lsn (or lsn_proc): a position in the log of the server', 'lsn');
}
