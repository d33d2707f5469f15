import { type AnyConfigDef, type ConfigValue, ConfigError, type ConnectorConfig, type ConnectorContext, SinkConnector, type TopicPartition } from '@millrace/connect-api';
import { SINK_CONFIG } from './config/sink-config-def.js';
import { parseSinkSettings, validateOffline } from './config/sink-settings.js';
import { probeConnection } from './connection/probe.js';
import { Session } from './connection/session.js';
import { OffsetTable } from './exactly-once/offset-table.js';

/** The planning half: all tasks are alike; the framework shares the partitions out. */
export class PostgresSinkConnector extends SinkConnector {
  override start(_context: ConnectorContext, config: ConnectorConfig): void {
    parseSinkSettings(config);
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

  /** With exactly.once the offsets of the target count: they are changed, too. */
  override async alterOffsets(config: ConnectorConfig, offsets: ReadonlyMap<string, number | null>): Promise<boolean> {
    const { exactlyOnce, connection } = parseSinkSettings(config);
    if (!exactlyOnce) return true;
    const name = config['name'];
    if (name === undefined) throw new ConfigError('The connector has no name, by which its offsets are stored', 'name');
    const session = await Session.open(connection);
    try {
      await new OffsetTable(exactlyOnce.table, name, '').alter(session, Array.from(offsets, ([key, next]) => ({ ...topicPartitionOf(key), next })));
    } finally {
      await session.close();
    }
    return true;
  }
}

/** Of `topic-partition`; a topic's name may have dashes. */
function topicPartitionOf(key: string): TopicPartition {
  const dash = key.lastIndexOf('-');
  return { topic: key.slice(0, dash), partition: Number(key.slice(dash + 1)) };
}
