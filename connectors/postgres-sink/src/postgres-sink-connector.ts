import { type AnyConfigDef, type ConfigValue, ConfigError, type ConnectorConfig, type ConnectorContext, SinkConnector } from '@millrace/connect-api';
import { SINK_CONFIG } from './config/sink-config-def.js';
import { parseSinkSettings, validateOffline } from './config/sink-settings.js';
import { probeConnection } from './connection/probe.js';

/** The planning half: every task gets the same config; the framework shares the partitions out. */
export class PostgresSinkConnector extends SinkConnector {
  private given: ConnectorConfig = {};

  override start(_context: ConnectorContext, config: ConnectorConfig): void {
    parseSinkSettings(config);
    this.given = config;
  }

  override taskConfigs(tasksMax: number): ConnectorConfig[] {
    return Array.from({ length: tasksMax }, () => this.given);
  }

  override config(): AnyConfigDef {
    return SINK_CONFIG;
  }

  /** Once the settings are right by themselves, connects with them. */
  override async validate(config: ConnectorConfig): Promise<ConfigValue[]> {
    const values = validateOffline(config);
    if (values.some((it) => it.errors.length > 0)) return values;
    try {
      await probeConnection(parseSinkSettings(config).connection, values);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      values.find((it) => it.name === (error.key ?? 'connection.url'))?.errors.push(error.message);
    }
    return values;
  }

  /** Offsets are Kafka's alone: nothing outside has to be changed with them. */
  override alterOffsets(): boolean {
    return true;
  }
}
