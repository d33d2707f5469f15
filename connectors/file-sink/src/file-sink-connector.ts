import { type AnyConfigDef, ConfigError, type ConfigValue, type ConnectorConfig, type ConnectorContext, SinkConnector } from '@millrace/connect-api';
import { SINK_CONFIG } from './config/sink-config-def.js';
import { parseSinkSettings, validateOffline } from './config/sink-settings.js';
import { probeTarget } from './disk/probe-target.js';
import { CommitChain } from './ledger/commit-chain.js';
import { NODE_FILE_SYSTEM } from './disk/file-system.js';
import { randomUUID } from 'node:crypto';

/** The planning half: all tasks are alike; the framework shares the partitions out. */
export class FileSinkConnector extends SinkConnector {
  override start(_context: ConnectorContext, config: ConnectorConfig): void {
    parseSinkSettings(config);
  }

  override config(): AnyConfigDef {
    return SINK_CONFIG;
  }

  /** Once the settings are right by themselves, looks whether their folder can be written to. */
  override async validate(config: ConnectorConfig): Promise<ConfigValue[]> {
    const values = validateOffline(config);
    if (values.some((it) => it.errors.length > 0)) return values;
    const settings = parseSinkSettings(config);
    const problem = await probeTarget(settings.mode === 'files' ? { folder: settings.directory } : { file: settings.file });
    if (problem !== undefined) values.find((it) => it.name === (settings.mode === 'files' ? 'directory' : 'file'))?.errors.push(problem);
    return values;
  }

  /**
   * Of whole files the position is kept with them: it is moved here, as the last link of the partition's chain. Files that are there stay;
   * records that are written again come into files of the same offsets.
   */
  override async alterOffsets(config: ConnectorConfig, offsets: ReadonlyMap<string, number | null>): Promise<boolean> {
    const settings = parseSinkSettings(config);
    if (settings.mode === 'append') return true;
    for (const [name, next] of offsets) {
      const dash = name.lastIndexOf('-');
      if (dash <= 0) throw new ConfigError(`${name} is not a topic partition`);
      const chain = new CommitChain(NODE_FILE_SYSTEM, settings.directory, `${name.slice(0, dash)}+${name.slice(dash + 1)}`, randomUUID());
      await chain.claim();
      if (typeof (await chain.commit({ next, newestMs: -1, files: [] })) === 'string') throw new ConfigError(`A task is writing ${name}: stop the connector first`);
    }
    return true;
  }
}
