import { type AnyConfigDef, ConfigError, type ConfigValue, type ConnectorConfig, type OffsetMap, SourceConnector } from '@millrace/connect-api';
import { SOURCE_CONFIG } from './config/source-config-def.js';
import { parseSourceSettings, TASK_COUNT, TASK_INDEX, validateOffline } from './config/source-settings.js';
import { probeSource } from './files/probe-source.js';

/** The planning half: one file is one task; globs are shared out by the names of files, without what rotations add. */
export class FileSourceConnector extends SourceConnector {
  override taskConfigs(tasksMax: number, config: ConnectorConfig): ConnectorConfig[] {
    if (parseSourceSettings(config).file !== null || tasksMax === 1) return [config];
    return Array.from({ length: tasksMax }, (_, i) => ({ ...config, [TASK_INDEX]: String(i), [TASK_COUNT]: String(tasksMax) }));
  }

  override config(): AnyConfigDef {
    return SOURCE_CONFIG;
  }

  /** Once the settings are right by themselves, looks at the file or the folders. */
  override async validate(config: ConnectorConfig): Promise<ConfigValue[]> {
    const values = validateOffline(config);
    if (values.some((it) => it.errors.length > 0)) return values;
    for (const { key, message } of await probeSource(parseSourceSettings(config))) values.find((it) => it.name === key)?.errors.push(message);
    return values;
  }

  /** Offsets are of a file's bytes, and are stored with its records. */
  override exactlyOnceSupport(): 'supported' {
    return 'supported';
  }

  override alterOffsets(_config: ConnectorConfig, offsets: ReadonlyMap<OffsetMap, OffsetMap | null>): boolean {
    for (const [partition, offset] of offsets) {
      // Anything may be forgotten, also what is no offset of ours.
      if (offset === null) continue;
      const { position } = offset;
      if (position === undefined) throw new ConfigError("Offset objects should either be null or contain the key 'position'");
      const bytes = typeof position === 'bigint' ? Number(position) : position;
      if (typeof bytes !== 'number' || !Number.isSafeInteger(bytes) || bytes < 0) throw new ConfigError("The value for the 'position' key in the offset should be a non-negative integer");
      if (!['filename', 'fingerprint', 'inode', 'path'].some((it) => typeof partition[it] === 'string')) {
        throw new ConfigError("Partition objects should contain the key 'filename', 'fingerprint', 'inode' or 'path'");
      }
    }
    return true;
  }
}
